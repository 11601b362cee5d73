#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Count where the drives moved their payload, from QEMU's trace of them.

usage: payload.py TRACE REPORT BLOCKS

The guest read sector BLOCKS-1-N for mark N; between marks 0 and 1 is the copy
through peer-to-peer memory, between 2 and 3 the one through host memory. Each
address that a drive's DMA engine was given is in the trace: it is in the
provider's BAR, which the report names, or it is host memory.

Prints: phase bytes-to-or-from-the-BAR bytes-to-or-from-host-memory
"""

import re
import sys

COMMAND = re.compile(r"pci_nvme_(?:read|write) .*\blba (0x[0-9a-f]+)")
ADDRESS = re.compile(r"pci_nvme_map_addr addr (0x[0-9a-f]+) len (\d+)")
BAR = re.compile(r"# \S+ BAR \d is \[(0x[0-9a-f]+)-(0x[0-9a-f]+)\]")


def main():
    trace, report, blocks = sys.argv[1:]
    bar = BAR.search(open(report).read())
    if not bar:
        sys.exit("the report names no BAR")
    first, last = (int(x, 16) for x in bar.groups())
    marks = {int(blocks) - 1 - n: n for n in range(4)}

    phase, marking, moved = None, False, {0: [0, 0], 2: [0, 0]}
    for line in open(trace, errors="replace"):
        if match := COMMAND.search(line):
            mark = marks.get(int(match[1], 16))
            marking = mark is not None
            if marking:
                phase = mark
        elif (match := ADDRESS.search(line)) and not marking:
            if phase in moved:
                address, size = int(match[1], 16), int(match[2])
                moved[phase][not first <= address <= last] += size
    print("peer", *moved[0])
    print("host", *moved[2])


if __name__ == "__main__":
    main()
