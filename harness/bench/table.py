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

POOLS = [f"{size}, {fill}" for size in ["16 MiB", "1 GiB", "64 GiB"]
         for fill in ["99.9 %", "95.0 %", "0.0 %", "every other page"]]
# Instructions at most
AIMS = {
    **{f"find_many, {nr:4} functions": 1588 for nr in [12, 108, 1000, 4096]},
    "find,   12 functions": 2000,
    "find,  108 functions": 2000,
    "find, 1000 functions": 2000,
    "find, 4096 functions": 2000,
    "find, 64 providers": 40000,
    "distance, one switch": 400,
    "distance_many, one switch": 400,
    "find_many, 64 providers": 21055,
    "verdict, one switch": 120,
    "dma_map_sg, one entry, known pair": 250,
    "dma_map_sg, 256 entries, known pair": 9000,
    "alloc a page, empty pool": 350,
    "free a page": 150,
    **{f"alloc 1 page, {pool}": 350 for pool in POOLS},
    **{f"free 1 page, {pool}": 150 for pool in POOLS},
}
# What must not be slower than it was
NEVER_SLOWER = "alloc", "free", "dma_map_sg"
# Whatever the pool
AIMS_OF_RUNS = {"alloc 2": 350, "alloc 16": 350, "alloc 33": 500,
                "alloc 512": 350, "free": 150, "alloc_sgl": 350}


def aim_of(what):
    """The aim of a row, by its name or by how that begins."""
    if what in AIMS:
        return AIMS[what]
    return next((aim for start, aim in AIMS_OF_RUNS.items()
                 if what.startswith(f"{start} ")), None)


def rows(path):
    text = path.read_text(errors="replace")
    if "\ndone" not in text:
        sys.exit(f"the benchmark did not reach its end: {path}")
    return {m[1]: int(m[2])
            for m in re.finditer(r"^row (.*) = (\d+)$", text, re.M)}


def print_times(logs):
    """Times are the weather's: no aim, but the ratio to look at."""
    base = rows(logs / "contend-untouched.report")
    ours = rows(logs / "contend-plain.report")
    print()
    print(f"{'not counted, but timed':44} {'base':>9} {'ours':>9}")
    for what, count in ours.items():
        print(f"{what:44} {base.get(what, '-'):>9} {count:>9}")


def main():
    logs = Path(sys.argv[1])
    base = {**rows(logs / "bench-untouched.report"),
            **rows(logs / "cost-untouched.report")}
    ours = {**rows(logs / "bench-plain.report"),
            **rows(logs / "cost-plain.report")}
    missed = [what for what in [*base, *AIMS] if what not in ours]

    print(f"{'instructions':44} {'base':>9} {'ours':>9} {'ratio':>7} {'aim':>8}")
    for what, count in ours.items():
        before = base.get(what)
        aim = aim_of(what)
        print(f"{what:44} {before if before is not None else '-':>9} "
              f"{count:>9} "
              f"{f'{count / before:.3f}' if before else '-':>7} "
              f"{f'<= {aim}' if aim else '':>8}")
        if aim and count > aim:
            missed.append(f"{what}: {count}, aim {aim}")
        if what.startswith(NEVER_SLOWER) and before and count > before:
            missed.append(f"{what}: {count}, and the base {before}")
    print_times(logs)
    print()
    for what in missed:
        print(f"missed: {what}")
    print(f"{len(ours)} rows, {len(missed)} missed")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
