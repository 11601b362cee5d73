#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One task of a check: run a command, keep what it says in a log, and leave a
# line with its result. A command that counts says so in its last line with
# "N passed, M failed"; one that doesn't is one check by itself.
# usage: task.sh NAME COMMAND [argument...]
#   results/NAME: passed, failed, skipped, seconds
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

name=$1 log=$logs/task-$1.log status=0
shift
"$@" >"$log" 2>&1 </dev/null || status=$?
read -r p f s <<<"$(grep -E '^([a-z]+: )?[0-9]+ passed, [0-9]+ failed' "$log" |
	tail -n 1 | tr -cs '0-9' ' ')"
if [[ -z $p ]]; then
	p=$((!status)) f=$((!!status))
elif ((status && !f)); then
	# It died half way.
	f=1
fi
printf '%s %s %s %s\n' "$p" "$f" "${s:-0}" "$SECONDS" >"$out/results/$name"
if ((f)); then
	say "not ok  $variant $name, $SECONDS s:"
	grep -vE '^  (ok: |\.\.\. )' "$log" | tail -n 20 | sed 's/^/    /'
	say "    the whole log: $log"
else
	say "ok      $variant $name, $SECONDS s: $p passed$( ((!${s:-0})) || echo ", $s skipped")"
fi
