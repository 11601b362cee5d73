#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compare what two kernels have made of the same machine (guest/jobs/facts).

usage: same.py LOGS A MAP_A B MAP_B

A and B are runs; B may be the one with CONFIG_PCI_P2PDMA=y. MAP_x is the
System.map of its kernel. Prints "SECTION same" or "SECTION differs" for each,
with the difference indented below it.

Each section has to be equal line by line, but for this:

- What differs when one kernel is booted twice, since drives are probed in
  parallel: the order of messages of drives; the numbers of their interrupts,
  block devices and character devices; the figures in "sched_clock: Marking
  stable".
- Addresses and sizes of the kernel image's parts, in the log and in iomem.
  They have a check of their own: "image".
- The device that asks for verdicts, /dev/pci_p2pdma, in B only; and, since
  it takes one of the minor numbers that misc devices get as they come, these.
- The parameter of a KUnit suite that is compiled into B only.

Memory: MemTotal may differ by exactly as many pages as the image keeps; what
is in use beyond it, see memory().
"""

import difflib
import os
import re
import sys
from pathlib import Path

PAGE = 4096
KB = 1024
# Lines that only a kernel with P2PDMA has: see above
PERMITTED = re.compile(
    r"\bmisc/pci_p2pdma\b|^/dev/pci_p2pdma$|^pci_p2pdma$|"
    r"^'?/sys/module/p2pdma_random_kunit\b")


def sections(path):
    found, current = {}, []
    for line in path.read_text(errors="replace").splitlines():
        if match := re.match(r"# begin (\w+)$", line):
            current = found.setdefault(match[1], [])
        elif line.startswith("# | "):
            current.append(line[4:])
    if "end" not in found:
        sys.exit(f"{path}: incomplete")
    return found


def log(lines):
    rest, drives = [], []
    for line in lines:
        if re.match(r"Memory: |Freeing unused kernel image ", line):
            continue
        line = re.sub(r"(sched_clock: Marking stable) .*", r"\1", line)
        # Namespaces' block devices are announced by the drive's driver, too.
        (drives if line.startswith("nvme ") else rest).append(line)
    return rest + sorted(drives)


def sysfs(lines):
    for pattern, replacement in (
            (r"/msi_irqs/\d+", "/msi_irqs/N"),
            (r"\b259:\d+", "259:N"),  # drives' block devices
            # and their character devices
            (r"(/char/\d+):\d+(?=' -> .*/nvme/)", r"\1:N"),
            # As they come: from 256 up or, before 6.12, from 127 down
            (r"/char/10:(1[01]\d|12[0-7]|25[6-9]|2[6-9]\d)\b",
             "/char/10:N")):
        lines = [re.sub(pattern, replacement, x) for x in lines]
    return sorted(lines)


def resources(lines):
    return [x for x in lines
            if not re.search(r" : Kernel (code|rodata|data|bss)$", x)]


NORMALISE = {"log": log, "sysfs": sysfs, "resources": resources}


def read_map(path):
    return {name: int(address, 16) for address, _, name in
            (line.split() for line in path.read_text().splitlines())}


def pages_kept(symbols):
    """Pages of the image that the kernel keeps after boot: it gives back what
    is for boot only, and what lies between the sections"""
    def up(name):
        return -(-symbols[name] // PAGE)

    def down(name):
        return symbols[name] // PAGE

    kept = up("__end_of_kernel_reserve") - down("_text")
    for begin, end in (("__init_begin", "__init_end"),
                       ("__smp_locks", "__smp_locks_end"),
                       ("_etext", "__start_rodata"),
                       ("__end_rodata", "_sdata")):
        kept -= max(0, down(end) - up(begin))
    return kept


def fields(lines):
    values = {m[1]: int(m[2]) for m in
              (re.match(r"(\S+?): +(\d+)", x) for x in lines) if m}
    values["kept"] = sum(int(m[1]) * PAGE // KB for m in
                         (re.match(r" *count: +(\d+)", x) for x in lines) if m)
    return values


def image(a, b, map_a, map_b):
    """The whole difference of MemTotal is that of the images"""
    total = b["MemTotal"] - a["MemTotal"]
    images = (pages_kept(map_b) - pages_kept(map_a)) * PAGE // KB
    yield f"MemTotal differs by {total} KB, the images by {images} KB"
    if total != -images:
        yield "!"


def memory(a, b, drives):
    """What is in use, in KB: the same, but for slabs, which hold the objects of
    /dev/pci_p2pdma, and what the IOMMU's timers have not freed yet (measured:
    -12 to 0). With drives two boots of one kernel differ (in six boots of each,
    by 80 KB in slabs and by 24 KB in the rest): it depends on the moment how
    many workers there are, each with its stack. MEMORY_NOISE: of a base, see
    bases/."""
    noise = int(os.environ.get("MEMORY_NOISE", 0))
    bounds = {"Rest": noise, "Slab": 32, "Stacks": noise, "Percpu": 0,
              "Cached": 0}
    if drives:
        bounds.update({"Rest": 32, "Slab": 96, "Stacks": 32})
    for values in a, b:
        values["InUse"] = values["MemTotal"] - values["MemFree"] - \
            values["kept"]
        values["Stacks"] = values["VmallocUsed"] - \
            (values["KernelStack"] if drives else 0)
        values["Rest"] = values["InUse"] - values["Slab"] - \
            values["VmallocUsed"]
    yield f"in use: {a['InUse']} KB and {b['InUse']} KB; of these"
    for name, bound in bounds.items():
        yield f"{name}: {a[name]} KB and {b[name]} KB, may differ by {bound}"
        if abs(a[name] - b[name]) > bound:
            yield "!"


def tell(section, notes):
    notes = list(notes)
    print(section, "differs" if "!" in notes else "same")
    for note in notes:
        if note != "!":
            print("   ", note)


def main():
    logs, name_a, map_a, name_b, map_b = sys.argv[1:]
    a = sections(Path(logs) / f"{name_a}.report")
    b = sections(Path(logs) / f"{name_b}.report")
    for section in a:
        if section in ("memory", "end"):
            continue
        normalise = NORMALISE.get(section, lambda x: x)
        left, right = normalise(a[section]), normalise(b[section])
        right = [x for x in right if not PERMITTED.search(x)]
        notes = [x for x in difflib.unified_diff(left, right, n=0, lineterm="")
                 if not re.match(r"@@|---|\+\+\+", x)]
        tell(section, notes + ["!"] * bool(notes))
    fields_a, fields_b = fields(a["memory"]), fields(b["memory"])
    tell("image", image(fields_a, fields_b, read_map(Path(map_a)),
                        read_map(Path(map_b))))
    drives = any(x.startswith("nvme ") for x in a["log"])
    tell("memory", memory(fields_a, fields_b, drives))


if __name__ == "__main__":
    main()
