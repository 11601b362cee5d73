#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Damaged files: lsp2pdma must neither crash, nor hang, nor say a wrong yes.

usage: fuzz.py TOOL DIRECTORY [SEED]

TOOL is best one with AddressSanitizer. DIRECTORY has files of machine.py, and
dumps of them. FUZZ mutations are made, 500 by default. What only
loses lines must not turn a refused pair into a reached one, with these limits:
functions that are lost, and capabilities of a text that are lost as a whole,
leave nothing behind to tell by.
"""

import collections
import concurrent.futures
import json
import os
import random
import re
import subprocess
import sys
import time

NAMES = ["switch", "sriov", "multifunction", "pc", "nested", "egress",
         "unknown256", "payload", "tags"]
KINDS = [".hex", ".txt", ".PP.txt", ".D.txt", ".dump"]
COMMANDS = [["matrix", "-a"], ["matrix", "-a", "-j"], ["matrix"], ["tree"],
            ["tree", "-j"], ["explain"], ["explain", "-j"], ["graph", "-a"],
            ["plan"], ["plan", "-j"], ["dump"], ["check"]]
STATUSES = {0, 1, 2, 3, 6, 7}
ENVIRONMENT = dict(os.environ, COLUMNS="80", ASAN_OPTIONS="exitcode=99",
                   UBSAN_OPTIONS="halt_on_error=1:exitcode=99")


def flip(rng, lines):
    i = choose(rng, lines)
    if lines[i]:
        at = rng.randrange(len(lines[i]))
        byte = rng.choice([lines[i][at] ^ 1 << rng.randrange(8),
                           rng.randrange(256)])
        lines[i] = lines[i][:at] + bytes([byte]) + lines[i][at + 1:]


def choose(rng, lines):
    """A line, preferably one that says something"""
    for _ in range(8):
        i = rng.randrange(len(lines))
        if not re.fullmatch(rb"[0-9a-f]+: (00 ?)+", lines[i]):
            break
    return i


def drop(rng, lines):
    at = choose(rng, lines)
    del lines[at:at + rng.choice([1, 1, 1, 1, 2, 3, 8, 256])]


def duplicate(rng, lines):
    at = choose(rng, lines)
    lines.insert(rng.choice([at, rng.randrange(len(lines))]), lines[at])


def swap(rng, lines):
    i, j = choose(rng, lines), choose(rng, lines)
    lines[i], lines[j] = lines[j], lines[i]


def truncate(rng, lines):
    del lines[rng.randrange(len(lines)) + 1:]


def cut_line(rng, lines):
    i = choose(rng, lines)
    lines[i] = lines[i][:rng.randrange(len(lines[i]) + 1)]


def number(rng, lines):
    i = choose(rng, lines)
    found = list(re.finditer(rb"[0-9a-f]+", lines[i]))
    if found:
        m = rng.choice(found)
        new = rng.choice([b"0", b"ff", b"ffff", b"ffffffff", b"99999999999",
                          b"-1", b"", b"%x" % rng.randrange(1 << 12),
                          b"%d" % rng.randrange(300)])
        lines[i] = lines[i][:m.start()] + new + lines[i][m.end():]


def long_line(rng, lines):
    i = choose(rng, lines)
    lines[i] = (lines[i] + b" ") * rng.choice([2, 100, 3000])


CHANGES = [flip, flip, drop, drop, duplicate, swap, truncate, cut_line, number,
           number, long_line]


def mutate(rng, data, other):
    """(new data, only lines were lost)"""
    lines = data.split(b"\n")
    if rng.random() < 0.08:
        more = other.split(b"\n")
        cut = [rng.randrange(len(x)) for x in (lines, more)]
        return b"\n".join(lines[:cut[0]] + more[cut[1]:]), False
    lost = True
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        change = rng.choice(CHANGES)
        lost &= change in (drop, truncate)
        if lines:
            change(rng, lines)
    return b"\n".join(lines), lost


def run(command, limit):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=limit,
                              env=ENVIRONMENT, check=False)
    except subprocess.TimeoutExpired:
        return None, b"", b"timeout"
    return done.returncode, done.stdout, done.stderr


class Fuzzer:
    def __init__(self, tool, directory, seed):
        self.tool, self.directory, self.seed = tool, directory, seed
        self.files = {}
        self.verdicts = {}
        self.findings = 0
        self.statuses = collections.Counter()
        self.laws = collections.Counter()
        slowest = 0
        for name in NAMES:
            for kind in KINDS:
                path = f"{directory}/{name}{kind}"
                with open(path, "rb") as file:
                    self.files[name, kind] = file.read()
                start = time.monotonic()
                self.verdicts[name, kind] = self.matrix(path)
                if self.verdicts[name, kind] is None:
                    sys.exit(f"  {path} is refused as it is")
                slowest = max(slowest, time.monotonic() - start)
        # Of a loaded machine, too
        self.limit = 5 + 100 * slowest

    def matrix(self, path):
        """{(provider, client): reached}; None: the file was refused"""
        status, out, _ = run([self.tool, "-i", path, "-R", "-a", "-j",
                              "matrix"], None)
        if status:
            return None
        return {(p["provider"], p["client"]): p["type"] != "not-supported"
                for p in json.loads(out)["pairs"]}

    def find(self, n, path, text):
        self.findings += 1
        keep = f"{self.directory}/finding-{self.seed}-{n}"
        os.replace(path, keep)
        print(f"  mutation {n}: {text.replace(path, keep)}")

    def one(self, n):
        rng = random.Random(self.seed * 1000003 + n)
        name, kind = rng.choice(NAMES), KINDS[n % len(KINDS)]
        whole = self.files[name, kind]
        data, lost = mutate(rng, whole, self.files[rng.choice(NAMES),
                                                   rng.choice(KINDS)])
        path = f"{self.directory}/mutation-{n}"
        with open(path, "wb") as file:
            file.write(data)
        command = list(rng.choice(COMMANDS))
        inputs = ["-i", path]
        if command[0] in ("explain", "plan"):
            pair = rng.choice(list(self.verdicts[name, kind]))
            command += pair
        elif command[0] == "check":
            command.append(path)
            inputs = ["-i", f"{self.directory}/{name}.hex"]
        command = [self.tool, *inputs, *command]
        status, _, errors = run(command, self.limit)
        self.statuses[status] += 1
        if status not in STATUSES or b"Sanitizer" in errors or \
           b"runtime error" in errors:
            self.find(n, path, f"status {status}: {' '.join(command)}\n"
                      + errors.decode(errors="replace")[:600])
            return
        if lost and data != whole and kind != ".dump":
            if self.is_wrong_yes(n, path, whole, data, kind,
                                 self.verdicts[name, kind]):
                return
        os.unlink(path)

    def is_wrong_yes(self, n, path, whole, data, kind, before):
        after = self.matrix(path)
        if after is None:
            self.laws["refused"] += 1
            return False
        if after.keys() != before.keys():
            self.laws["functions lost"] += 1
            return False
        lines = collections.Counter(whole.split(b"\n"))
        lines -= collections.Counter(data.split(b"\n"))
        gone = [line for line in lines.elements() if line.strip()]
        if kind != ".hex" and len(gone) > 1 and any(
                b"Access Control S" in line or b"Single Root" in line
                for line in gone):
            self.laws["capability lost"] += 1
            return False
        self.laws["judged"] += 1
        wrong = [pair for pair in before if after[pair] and not before[pair]]
        if wrong:
            text = b"; ".join(line.strip() for line in gone[:4])
            self.find(n, path, f"wrong yes for {wrong[0]} in {path}, which "
                      f"lacks {len(gone)} lines: {text.decode()}")
        return bool(wrong)


def main():
    total = int(os.environ.get("FUZZ", "500"))
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else \
        random.SystemRandom().randrange(10 ** 6)
    fuzzer = Fuzzer(sys.argv[1], sys.argv[2], seed)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(fuzzer.one, range(total)):
            pass
    print(f"  {total} mutations with seed {seed}; statuses: "
          + ", ".join(f"{s}: {c}" for s, c in
                      sorted(fuzzer.statuses.items(), key=str)))
    print("  files that lost lines: "
          + ", ".join(f"{c} {what}" for what, c in fuzzer.laws.items()))
    print(f"  {fuzzer.findings} findings")
    sys.exit(bool(fuzzer.findings))


if __name__ == "__main__":
    main()
