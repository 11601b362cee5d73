#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Copy standard input, with a few bytes changed. usage: damage.py SEED"""

import random
import sys

data = bytearray(sys.stdin.buffer.read())
rng = random.Random(int(sys.argv[1]))
for _ in range(rng.randint(1, 4)):
    data[rng.randrange(len(data))] = rng.choice(b"\n\0 :-.09afzZ\xff")
if rng.random() < 0.3:
    del data[rng.randrange(len(data)):]
sys.stdout.buffer.write(data)
