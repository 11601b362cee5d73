#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""One table of what two kernels have counted.

usage: table.py LOGS

Each row has the base's instructions, ours, and the ratio, and where there is
one, what we aim at. Exit status 1 if an aim is missed, or a row is missing.
"""

import re
import sys
from pathlib import Path

# Instructions at most
AIMS = {
    "find,   12 functions": 2000,
    "find,  108 functions": 2000,
    "find, 1000 functions": 2000,
    "find, 4096 functions": 2000,
    "find, 64 providers": 40000,
    "distance, one switch": 400,
    "map type of a known pair": 40,
}


def rows(path):
    text = path.read_text(errors="replace")
    if "\ndone" not in text:
        sys.exit(f"the benchmark did not reach its end: {path}")
    return {m[1]: int(m[2])
            for m in re.finditer(r"^row (.*) = (\d+)$", text, re.M)}


def main():
    logs = Path(sys.argv[1])
    base = rows(logs / "bench-untouched.report")
    ours = rows(logs / "bench-plain.report")
    missed = [what for what in [*base, *AIMS] if what not in ours]

    print(f"{'instructions':40} {'base':>9} {'ours':>9} {'ratio':>7} {'aim':>8}")
    for what, count in ours.items():
        before = base.get(what)
        aim = AIMS.get(what)
        print(f"{what:40} {before if before is not None else '-':>9} "
              f"{count:>9} "
              f"{f'{count / before:.3f}' if before else '-':>7} "
              f"{f'<= {aim}' if aim else '':>8}")
        if aim and count > aim:
            missed.append(f"{what}: {count}, aim {aim}")
    print()
    for what in missed:
        print(f"missed: {what}")
    print(f"{len(ours)} rows, {len(missed)} missed")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
