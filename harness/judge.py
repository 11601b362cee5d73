#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Judge one guest run by what it left behind.

usage: judge.py TREE LOGS NAME [--kernel DIR] [--kunit] [--expect KIND]
                [--skips FILE]... [--skip TEST]... [--taint BITS]

A run passes if the plan of each of its jobs is complete, at least one test passed, none failed,
each skip is a TEST or one that FILE lists, the kernel had nothing to say, nothing
leaked, and the guest reached its end. Else the verdict names the first thing
that was wrong, in this order:

  hang   the time was over
  oops   the kernel crashed: BUG, oops, panic, KASAN, page fault
  leak   kmemleak found something
  warn   any other splat, or a taint
  fail   a test failed
  skip   a test was skipped that isn't listed
  none   no plan, an incomplete plan, or no pass
  end    the guest did not reach its end

KUnit runs while the kernel boots: its results are on the console. Jobs write
TAP to the report, each one below a line "# job NAME". kunit.py's own parser
reads both.

Of data races that KCSAN reports those count in which one of the two accesses is
in a module or in a function of OWN_OBJECTS, of the kernel built in DIR.

Prints one line: NAME KIND passed failed skipped, and the reasons below it.
Exit status 0 if KIND is the expected one, "pass" by default.
"""

import argparse
import io
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

OOPS = re.compile(
    r"BUG:|Oops|Kernel panic|KASAN:|general protection fault|"
    r"kernel BUG at|[Uu]nable to handle|double fault|stack segment|"
    r"Internal error:|SError")
WARN = re.compile(
    r"WARNING:|UBSAN:|INFO: task .* blocked|rcu: INFO|DMA-API:|"
    r"possible .* detected|suspicious RCU usage|Bad page|"
    r"inconsistent lock state|sleeping function|"
    r"refcount_t:|list_(add|del) corruption|Trying to vfree|BUG sleeping")
LEAK = re.compile(r"unreferenced object")
# Not a splat: what the kernel says in words that look like one
HARMLESS = re.compile(
    r"DMA-API: preallocated|DMA-API: debugging enabled|"
    r"kmemleak: .*(initialized|scanning)")
# Where races are ours: our files, and what they have to serialise
OWN_OBJECTS = ("drivers/pci/p2pdma*.o", "drivers/pci/tests/*.o",
               "lib/genalloc.o", "mm/memremap.o")
# A line of a stack
FRAME = re.compile(r"\b([\w.]+)\+0x\w+/0x\w+( \[\w+\])?")
# What accesses memory for its caller
HELPERS = re.compile(r"_*(mem|str)\w+$|_*(copy_|clear_page|find_.*bit)\w*")
# Why a test of kselftest_harness.h ended
CAUSE = re.compile(r"^# .*(terminated by timeout|terminated unexpectedly|:Expected )")
BRACKET = re.compile(r"expected warning (begins: (?P<what>.*)|ends)")


def lines_of(path):
    try:
        return path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def own_functions(kernel):
    """Names of the functions that OWN_OBJECTS define"""
    objects = [o for pattern in OWN_OBJECTS for o in kernel.glob(pattern)]
    symbols = subprocess.run(["nm", "--defined-only", *objects], check=True,
                             capture_output=True, text=True).stdout
    return set(re.findall(r"^\w+ [tTwW] (\S+)$", symbols, re.M))


def is_ours(report, own):
    """The first function of each of the two stacks, but for helpers"""
    accessed = False
    for line in report:
        if re.search(r"(read|write).* to 0x|race at unknown origin", line):
            accessed = True
        elif accessed and (frame := FRAME.search(line)):
            if HELPERS.match(frame[1]):
                continue
            accessed = False
            if frame[2] or frame[1] in own:
                return True
    return False


def without_others_races(console, kernel):
    if not any("BUG: KCSAN:" in line for line in console):
        return console
    own = own_functions(kernel)
    kept, report = [], None
    for line in console:
        if "BUG: KCSAN:" in line:
            report = []
        if report is None:
            kept.append(line)
            continue
        report.append(line)
        if line.endswith("=====") or len(report) > 100:
            if is_ours(report, own):
                kept += report
            report = None
    return kept + (report or [])


def find_splats(console, problems):
    """Splats outside of the brackets in which a test announces one"""
    wanted, seen, brackets = None, 0, 0
    for line in console:
        mark = BRACKET.search(line)
        if mark and mark["what"]:
            wanted, seen = re.compile(mark["what"]), 0
        elif mark:
            if wanted and not seen:
                problems["none"].append("the expected warning did not come")
            wanted = None
        elif wanted and wanted.search(line):
            seen += 1
            brackets += 1
            if seen > 1:
                problems["warn"].append(line)
        elif OOPS.search(line) and not HARMLESS.search(line):
            problems["oops"].append(line)
        elif WARN.search(line) and not HARMLESS.search(line) \
                and not (wanted and "WARNING:" in line):
            problems["warn"].append(line)
    return brackets


def without_intruders(console):
    """What the kernel prints between "KTAP version" and what a suite's head goes
    on with, kunit.py's parser takes for the end of it."""
    kept, in_head = [], False
    for line in console:
        if in_head and not re.search(r"# Subtest: |1\.\.\d+$|KTAP version", line):
            continue
        in_head = "KTAP version" in line
        kept.append(line)
    return kept


def jobs_of(report):
    """The results of each job, and why tests failed. 6.1's kselftest_harness.h
    names no test that it skips."""
    jobs, running, causes = [], "", []
    for line in report:
        if line.startswith("# job ") and not line.startswith("# job exit"):
            jobs.append([])
        elif match := re.match(r"# +RUN +(\S+) \.\.\.", line):
            running = match[1]
        elif CAUSE.match(line):
            causes.append(line)
        else:
            line = re.sub(r"^ok (\d+) # SKIP", rf"ok \1 {running} # SKIP", line)
            if re.match(r"K?TAP version|1\.\.|(not )?ok |Bail out!", line):
                jobs = jobs or [[]]
                jobs[-1].append(line)
    return jobs or [[]], causes


def parse(lines, problems, log):
    """One text of KTAP, by kunit.py's parser"""
    text = io.StringIO()
    with redirect_stdout(text):
        import kunit_parser
        run = kunit_parser.parse_run_tests(lines)
    log.write(text.getvalue())
    failed, skips = [], []

    def walk(test, path):
        path = f"{path}.{test.name}" if path else test.name
        if test.status == kunit_parser.TestStatus.SKIPPED:
            skips.append(path)
        elif not test.ok_status() and not test.subtests and test.name:
            failed.append(path)
        for sub in test.subtests:
            walk(sub, path)

    for test in run.subtests:
        walk(test, "")
    problems["fail"] += [f"not ok {name}" for name in failed]
    counts = run.counts
    problems["none"] += [x for x in lines if x.startswith("Bail out!")]
    if not run.subtests:
        problems["none"].append("no results")
    elif counts.errors or counts.crashed:
        problems["none"].append(
            f"{counts.errors} errors in the results, {counts.crashed} crashed")
    return counts, skips


def judge(args, problems):
    console = lines_of(args.logs / f"{args.name}.console")
    report = lines_of(args.logs / f"{args.name}.report")
    status = " ".join(lines_of(args.logs / f"{args.name}.exit")) or "none"

    if status in ("124", "137"):
        problems["hang"].append("the time was over")
    elif status != "0":
        problems["end"].append(f"QEMU's exit status is {status}")
    announced = find_splats(
        without_others_races(console, args.kernel), problems)
    problems["leak"] += [x for x in report if LEAK.search(x)]

    sys.path.insert(0, str(args.tree / "tools/testing/kunit"))
    jobs, causes = ([without_intruders(console)], []) if args.kunit \
        else jobs_of(report)
    passed, failed, skips = 0, 0, []
    with open(args.logs / f"{args.name}.results", "w") as log:
        for job in jobs:
            counts, skipped = parse(job, problems, log)
            passed += counts.passed
            failed += counts.failed
            skips += skipped
            # The parser reads no further than to the end of the plan.
            results = sum(bool(re.match("(not )?ok ", x)) for x in job)
            if not args.kunit and results > counts.total():
                problems["none"].append("more results than planned")
    if problems["fail"]:
        problems["fail"] += causes
    if not passed:
        problems["none"].append("no test has passed")
    listed = args.skip + [s for path in args.skips for s in lines_of(path)]
    problems["skip"] += [f"skipped: {s}" for s in skips if s not in listed]

    end = [x for x in report if x.startswith("# tainted ")]
    if not end or "# end of guest" not in report:
        problems["end"].append("the guest did not reach its end")
    else:
        # An announced warning taints (512), and so do KUnit tests (1 << 18)
        # and modules of our own (1 << 12).
        tolerated = 1 << 18 | 1 << 12 | (512 if announced else 0) | args.taint
        taint = int(end[0].split()[2])
        if taint & ~tolerated:
            problems["warn"].append(f"the kernel is tainted: {taint}")
    return passed, failed, len(skips)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tree", type=Path)
    parser.add_argument("logs", type=Path)
    parser.add_argument("name")
    parser.add_argument("--kernel", type=Path)
    parser.add_argument("--kunit", action="store_true")
    parser.add_argument("--expect", default="pass")
    parser.add_argument("--skips", type=Path, action="append", default=[])
    parser.add_argument("--skip", action="append", default=[])
    parser.add_argument("--taint", type=int, default=0)
    args = parser.parse_args()

    problems = {kind: [] for kind in (
        "hang", "oops", "leak", "warn", "fail", "skip", "none", "end")}
    passed, failed, skipped = judge(args, problems)
    kind = next((k for k, found in problems.items() if found), "pass")
    print(args.name, kind, passed, failed, skipped)
    for found in problems.values():
        for line in found[:8]:
            print("   ", line[:150])
    sys.exit(kind != args.expect)


if __name__ == "__main__":
    main()
