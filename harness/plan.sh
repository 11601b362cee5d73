#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The makefile of a check of one base: a task for each gate, build and guest,
# with what it waits for. make runs what it can at the same time, and gives the
# builds what jobs are left. It doesn't know what is urgent: so what could run
# at any time waits until guests have something to run on. Tasks never fail for
# make: what comes after one that failed, fails by itself.
# usage: plan.sh everything|other|architecture|brief|quick [RESULT...]
#   everything: of 6.12
#   other: of another base; not what looks at our own files and tests only: the
#          gates for style, the breaks, and the kernel with KCSAN
#   architecture: of another one: compiled, and run in its plain and in its debug
#          kernel, and in one with larger pages, less what the host's architecture
#          decides
#   brief: compiled, and run in its plain kernel; of another architecture KUnit
#          and one copy
#   quick: what one runs before each commit
#   RESULT: what the first build waits for
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"
load_base

here=$root/harness results=$out/results
mode=$1
before=("${@:2}")
names=()

# after TASK...: paths of their results
after()
{
	printf "$results/%s " "$@"
}

# task NAME "PREREQUISITES" COMMAND [argument...]
task()
{
	local name=$1 prerequisites=$2
	shift 2

	names+=("$name")
	printf '%s/%s: %s\n\t+@BASE=%s ARCH=%s %q %s %s\n' "$results" "$name" \
		"$prerequisites" "$base" "$arch" "$here/task.sh" "$name" \
		"$(printf ' %q' "$@")"
}

# builds FLAVOUR...: one after another, so that guests of the first run while
# the next is built
builds()
{
	local flavour wait="${before[*]}"

	for flavour; do
		task "build-$flavour" "$(after prepare) $wait" \
			"$here/build.sh" "$flavour"
		wait=$(after "build-$flavour")
		[[ $flavour == *-broken || $flavour == off ]] ||
			task "modules-$flavour" "$(after "build-$flavour")" \
				"$here/initramfs.sh" modules "$flavour"
	done
}

# jobs_of JOBS: those that this base can have. For what it can't, results/left-out
# has a line. Where users can't map p2pmem, a module copies.
jobs_of()
{
	local job kept='' reason

	for job in ${1//+/ }; do
		if [[ $job == copies ]]; then
			job=p2pmem_copy
			! reason_left_out "$job" >/dev/null || job=copy
		fi
		if reason=$(reason_left_out "$job"); then
			printf '%s: %s\n' "$reason" "$job" >>"$results/left-out"
		else
			kept+=+$job
		fi
	done
	printf '%s\n' "${kept#+}"
}

# column FLAVOUR: as the table names it
column()
{
	if [[ $mode == quick ]]; then
		printf 'quick\n'
	elif [[ $arch == x86 ]]; then
		printf '%s\n' "$1"
	elif [[ $mode == brief ]]; then
		printf '%s-brief\n' "$arch"
	else
		printf '%s\n' "$arch-$1"
	fi
}

# guests FLAVOUR...: those of the table that are for these kernels
guests()
{
	local flavour name kernels topology jobs options
	local environment parameters option waits

	while read -r name kernels topology jobs options; do
		jobs=$(jobs_of "$jobs")
		[[ -n $jobs ]] || continue
		environment=() parameters=()
		for option in $options; do
			case $option in
			[A-Z]*=*) environment+=("$option") ;;
			*) parameters+=("$option") ;;
			esac
		done
		for flavour; do
			[[ ,$kernels, == *",$(column "$flavour"),"* ]] || continue
			waits=$(after "build-$flavour" initramfs)
			[[ $flavour == off ]] ||
				waits+=$(after "modules-${flavour%-broken}")
			task "$name-$flavour" "$waits" env "${environment[@]}" \
				"$here/guest.sh" "$name-$flavour" "$flavour" \
				"$topology" "$jobs" "${parameters[@]}"
		done
	done < <(sed '/^#/d; /^$/d' "$here/guests" |
		{ [[ $mode != brief ]] && cat || grep -v '^control-'; })
}

# gates NAME...
gates()
{
	local gate

	for gate; do
		task "lint-$gate" "$(after build-plain)" "$here/lint.sh" "$gate"
	done
}

# compiled GATE...: what looks at our files as this base compiles them, and GATEs
compiled()
{
	task lint-w1 "$(after build-plain)" "$here/lint.sh" w1
	task lint-sparse "$(after lint-w1)" "$here/lint.sh" sparse
	gates kernel_doc series "$@"
}

# What is posted, made. Whoever checks need not be known to git.
posted()
{
	task series "$(after build-plain)" env \
		"GIT_AUTHOR_NAME=${GIT_AUTHOR_NAME:-$(git config user.name || echo check)}" \
		"GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL:-$(git config user.email || echo check@localhost)}" \
		"$here/series.sh"
}

style()
{
	gates spdx shellcheck checkpatch
	[[ $mode == quick ]] || gates coccicheck
}

off()
{
	task same "$(after build-plain build-off initramfs)" "$here/same.sh"
}

# Machines that aren't this one
tool()
{
	task tool "$(after prepare)" "$here/tool.sh"
}

rm -rf "$results"
mkdir -p "$results"
task prepare "" "$here/prepare.sh"
full=full
[[ $arch == x86 || $mode != brief ]] || full=''
# shellcheck disable=SC2086	# it may be none
task initramfs "$(after prepare) ${before[*]}" "$here/initramfs.sh" $full
case $mode in
everything)
	builds plain debug kcsan plain-broken off debug-broken
	guests plain debug kcsan plain-broken off debug-broken
	compiled users docs cocci
	posted
	style
	task hurt "$(after build-plain)" "$here/hurt.sh"
	task kunit-py "$(after build-plain)" "$here/kunit.sh"
	tool
	off
	;;
other)
	builds plain debug off
	guests plain debug off
	compiled users docs cocci
	posted
	off
	;;
architecture)
	flavours=(plain debug)
	[[ ! -f $root/harness/configs/64k-$arch.config ]] || flavours+=(64k)
	builds "${flavours[@]}"
	guests "${flavours[@]}"
	;;
brief)
	builds plain
	guests plain
	if ! is_foreign; then
		compiled users docs cocci
		posted
	fi
	;;
quick)
	builds plain
	guests plain
	style
	compiled
	;;
esac
printf '%s\n' "${names[@]}" >"$results/plan"
printf '%s-check: %s\n' "$variant" "$(after "${names[@]}")"
