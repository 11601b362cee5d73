#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Judge one guest run by what it left behind.

usage: judge.py TREE LOGS NAME [--kunit] [--expect KIND] [--skips FILE]
                [--skip TEST]... [--taint BITS]

A run passes if its plan is complete, at least one test passed, none failed,
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

KUnit runs while the kernel boots: its results are on the console, and
kunit.py's own parser reads them. Jobs write TAP to the report.

Prints one line: NAME KIND passed failed skipped, and the reasons below it.
Exit status 0 if KIND is the expected one, "pass" by default.
"""

import argparse
import io
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path

OOPS = re.compile(
    r"BUG:|Oops|Kernel panic|KASAN:|general protection fault|"
    r"kernel BUG at|unable to handle|double fault|stack segment")
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
# Data races of the base, which no caller can help. schedule_hrtimeout() looks
# without a mark whether its timer has been and cleared the sleeper's task.
BASES_RACES = {"hrtimer_wakeup / schedule_hrtimeout_range_clock"}
# A line of a stack
OURS = re.compile(r"\w*p2p\w*\+0x|\+0x\w+/0x\w+ \[\w+\]")
BRACKET = re.compile(r"expected warning (begins: (?P<what>.*)|ends)")


def lines_of(path):
    try:
        return path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def race_counts(report):
    """If code of ours, or a module, is in a stack, and it isn't the base's"""
    _, _, pair = report[0].partition(": data-race in ")
    return pair not in BASES_RACES and any(OURS.search(x) for x in report)


def without_others_races(console):
    kept, report = [], None
    for line in console:
        if "BUG: KCSAN:" in line:
            report = []
        if report is None:
            kept.append(line)
            continue
        report.append(line)
        if line.endswith("=====") or len(report) > 100:
            if race_counts(report):
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


def judge_report(report, problems):
    """TAP, one level: what kselftest_harness.h and the jobs write"""
    plan, results, skips, running = None, [], [], ""
    for line in report:
        if match := re.match(r"1\.\.(\d+)", line):
            plan = int(match[1])
        elif match := re.match(r"# +RUN +(\S+) \.\.\.", line):
            running = match[1]
        elif match := re.match(r"(not )?ok \d+ ?(.*)", line):
            name, _, directive = match[2].partition("#")
            if re.match(r"\s*skip", directive, re.I):
                # 6.1's kselftest_harness.h names no test that it skips.
                skips.append(name.strip(" -") or running)
            else:
                results.append(not match[1])
            if match[1]:
                problems["fail"].append(line)
        elif line.startswith("Bail out!"):
            problems["none"].append(line)
    if plan is None:
        problems["none"].append("no plan")
    elif plan != len(results) + len(skips):
        problems["none"].append(
            f"a plan of {plan}, results of {len(results) + len(skips)}")
    return sum(results), len(results) - sum(results), skips


def judge_kunit(tree, console, problems, log):
    """The suites that the kernel ran, by kunit.py's parser"""
    sys.path.insert(0, str(tree / "tools/testing/kunit"))
    text = io.StringIO()
    with redirect_stdout(text):
        import kunit_parser
        run = kunit_parser.parse_run_tests(console)
    log.write_text(text.getvalue())
    skips, failed = [], []

    def walk(test, path):
        path = f"{path}.{test.name}" if path else test.name
        if test.status == kunit_parser.TestStatus.SKIPPED:
            skips.append(path)
        elif not test.ok_status() and not test.subtests:
            failed.append(path)
        for sub in test.subtests:
            walk(sub, path)

    for suite in run.subtests:
        walk(suite, "")
    problems["fail"] += [f"not ok {name}" for name in failed]
    counts = run.counts
    if counts.errors or counts.crashed:
        problems["none"].append(
            f"{counts.errors} errors in the results, {counts.crashed} crashed")
    if not run.subtests:
        problems["none"].append("no suite has run")
    return counts.passed, counts.failed + counts.crashed, skips


def judge(args, problems):
    console = lines_of(args.logs / f"{args.name}.console")
    report = lines_of(args.logs / f"{args.name}.report")
    status = " ".join(lines_of(args.logs / f"{args.name}.exit")) or "none"

    if status in ("124", "137"):
        problems["hang"].append("the time was over")
    elif status != "0":
        problems["end"].append(f"QEMU's exit status is {status}")
    announced = find_splats(without_others_races(console), problems)
    problems["leak"] += [x for x in report if LEAK.search(x)]

    if args.kunit:
        passed, failed, skips = judge_kunit(
            args.tree, console, problems, args.logs / f"{args.name}.kunit")
    else:
        passed, failed, skips = judge_report(report, problems)
    if not passed:
        problems["none"].append("no test has passed")
    listed = args.skip + (lines_of(args.skips) if args.skips else [])
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
    parser.add_argument("--kunit", action="store_true")
    parser.add_argument("--expect", default="pass")
    parser.add_argument("--skips", type=Path)
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
