#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What gcov says of one source file, in one line. usage: cover.py FILE"""

import re
import sys

text = sys.stdin.read()
for part in text.split("\n\n"):
    name = re.match(r"File '(.*)'", part)
    if not name or not name[1].endswith("/" + sys.argv[1]):
        continue
    lines = re.search(r"Lines executed:([\d.]+)% of (\d+)", part)
    taken = re.search(r"Taken at least once:([\d.]+)% of (\d+)", part)
    print(f"{sys.argv[1]:22} {lines[1]:>8} % of {lines[2]:>4}",
          f"{taken[1]:>14} % of {taken[2]:>4}" if taken else "")
