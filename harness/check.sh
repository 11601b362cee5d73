#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# All that CI runs. Without BASE and ARCH it is 6.12 on the host's architecture,
# and then each other base and architecture in brief; with one of them it is that
# one. QUICK=1: what one runs before each commit. Goes on after a failure, so that
# one run tells everything.
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

here=$root/harness
# Bases, of architectures other than x86 with that: "6.12", "6.12-arm64"
variants=("$variant")

# of VARIANT COMMAND...
of()
{
	local arch=x86
	[[ $1 != *-* ]] || arch=${1#*-}

	BASE=${1%%-*} ARCH=$arch "${@:2}"
}

# plans: of all bases, and what make is to reach
plans()
{
	local each goals=''

	for each in "${variants[@]}"; do
		if [[ -n ${QUICK:-} ]]; then
			of "$each" "$here/plan.sh" quick
		elif [[ $each != "$variant" ]]; then
			# Its build is in nobody's way, but it shares two processors.
			of "$each" "$here/plan.sh" brief "$out/results/build-debug"
		elif [[ $each == 6.12 ]]; then
			of "$each" "$here/plan.sh" everything
		elif [[ $each == *-* ]]; then
			of "$each" "$here/plan.sh" architecture
		else
			of "$each" "$here/plan.sh" other
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
	       if (kind ~ /-(plain|debug|kcsan|off|64k)$/) sub(/.*-/, "guests, ", kind)
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
	for each in "${variants[@]}"; do
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

# others: of all bases, and of architectures that this host can build for, but the
# one at hand
others()
{
	local each it

	for each in "$root"/bases/*.env; do
		each=$(basename "$each" .env)
		(
			# shellcheck source=bases/6.12.env
			. "$root/bases/$each.env"
			for it in "${base_architectures[@]}"; do
				! arch=$it can_build || printf '%s-%s\n' "$each" "$it"
			done
		)
	done | sed 's/-x86$//' | grep -vx "$variant" || true
}

if [[ -z ${BASE:-} && -z ${ARCH:-} && -z ${QUICK:-} ]]; then
	mapfile -t -O 1 variants < <(others)
fi
for each in "${variants[@]}"; do
	# Of another architecture in brief, no more than "make run" needs
	if [[ $each == *-* && $each != "$variant" ]]; then
		of "$each" "$here/deps.sh" run
	else
		of "$each" "$here/deps.sh" check
	fi
	mkdir -p "$root/out/$each/logs"
done
plan=$out/plan.mk
plans >"$plan"
make -k -j"${J:-$(nproc)}" --no-print-directory --output-sync=target -f "$plan" check || true
add_up
