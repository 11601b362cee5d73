#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# All that CI runs. Without BASE it is 6.12, everything, and then each other
# base in brief; with BASE it is that base. QUICK=1: what one runs before each
# commit. Goes on after a failure, so that one run tells everything.
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

here=$root/harness
bases=("$base")

# plans: of all bases, and what make is to reach
plans()
{
	local each goals=''

	for each in "${bases[@]}"; do
		if [[ -n ${QUICK:-} ]]; then
			BASE=$each "$here/plan.sh" quick
		elif [[ $each != "$base" ]]; then
			# Its build is in nobody's way, but it shares two processors.
			BASE=$each "$here/plan.sh" brief "$out/results/build-debug"
		elif [[ $each == 6.12 ]]; then
			BASE=$each "$here/plan.sh" everything
		else
			BASE=$each "$here/plan.sh" other
		fi
		goals+=" $each-check"
	done
	printf 'check:%s\n' "$goals"
}

# Times of each kind of task, and of the longest ones
times()
{
	say
	say "Seconds, added up by kind (beside each other):"
	awk '{ kind = $2; sub(/^(build|modules)-.*/, "builds", kind)
	       if (kind ~ /-(plain|debug|kcsan|off)$/) sub(/.*-/, "guests, ", kind)
	       else if (kind ~ /-broken$/) kind = "guests, breaks"
	       else if (kind ~ /^lint/) kind = "lint"
	       sum[kind] += $1 }
	     END { for (k in sum) printf "%7d  %s\n", sum[k], k }' "$1" | sort -rn
	say "The longest:"
	sort -rn "$1" | head -n 8 | awk '{ printf "%7d  %s %s\n", $1, $3, $2 }'
}

# Every task of the plan, those that never began included
add_up()
{
	local each name p f s seconds passed=0 failed=0 skipped=0 all

	all=$(mktemp)
	say
	for each in "${bases[@]}"; do
		results=$root/out/$each/results
		[[ ! -f $results/left-out ]] ||
			sort -u "$results/left-out" | sed "s/^/left out in $each: /"
		while IFS= read -r name; do
			p=0 f=1 s=0 seconds=0
			[[ ! -f $results/$name ]] ||
				read -r p f s seconds <"$results/$name"
			((passed += p, failed += f, skipped += s)) || true
			((!f)) || say "failed: $each $name"
			printf '%s %s %s\n' "$seconds" "$name" "$each" >>"$all"
		done <"$results/plan"
	done
	times "$all"
	rm -f "$all"
	say "  in all: $SECONDS s"
	say
	say "$passed passed, $failed failed, $skipped skipped"
	((failed == 0 && passed > 0))
}

if [[ -z ${BASE:-} && -z ${QUICK:-} ]]; then
	for env in "$root"/bases/*.env; do
		env=$(basename "$env" .env)
		[[ $env == "$base" ]] || bases+=("$env")
	done
fi
for each in "${bases[@]}"; do
	BASE=$each "$here/deps.sh" check
	mkdir -p "$root/out/$each/logs"
done
plan=$out/plan.mk
plans >"$plan"
make -k -j"${J:-$(nproc)}" --no-print-directory --output-sync=target -f "$plan" check || true
add_up
