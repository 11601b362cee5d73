#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# All that CI runs. Of 6.12 it is everything. Of another base (BASE) it is all
# but what looks at our own files and tests only, and not at the base: the gates
# for style, the deliberate breaks, the damage done to what prepares a tree; and
# the kernel with KCSAN. Without BASE it is 6.12, and then each other base in
# brief: compiled, and run in its plain kernel.
#
# Goes on after a failure, so that one run tells everything; only what nothing
# can go on without ends it.
# usage: check.sh [brief]
set -euo pipefail
# shellcheck source=harness/tests.sh
. "$(dirname "$0")/tests.sh"

here=$root/harness

# part NAME SCRIPT [argument...]: a script that counts for itself, and whose
# last line with counts says so
part()
{
	local status=0

	"$here/$2.sh" "${@:3}" 2>&1 | tee "$logs/$1.log" || status=$?
	add_counts "$1" "$status"
}

# aside NAME SCRIPT [argument...]: the same beside what follows, up to "join"
aside()
{
	"$here/$2.sh" "${@:3}" >"$logs/$1.log" 2>&1 &
	aside_pid=$! aside_name=$1
}

join()
{
	local status=0

	wait "$aside_pid" || status=$?
	cat "$logs/$aside_name.log"
	add_counts "$aside_name" "$status"
}

# add_counts NAME STATUS: of the log of that name. A script that died half way
# may have left counts of a part of it: its exit status tells.
add_counts()
{
	local p f s

	read -r p f s <<<"$(grep -E '^([a-z]+: )?[0-9]+ passed, [0-9]+ failed' \
		"$logs/$1.log" | tail -n 1 | tr -cs '0-9' ' ')"
	: "${p:=0}" "${f:=1}" "${s:=0}"
	((f || !$2)) || f=1
	((passed += p, failed += f, skipped += s)) || true
	((f == 0)) || failures+=("$1")
}

# copies FLAVOUR TOPOLOGY: of a user, or of the kernel where users can't
copies()
{
	guest_job "$1" "$2" selftest,p2pmem_copy
	! reason_left_out selftest,p2pmem_copy >/dev/null ||
		guest_job "$1" "$2" copy
}

# guest_tests FLAVOUR: everything that runs in a guest, the longest first
guest_tests()
{
	# By itself: a case must not take longer than a task may be blocked.
	guest_kunit "$1"
	settle
	guest_job "$1" shm "provider,$1"
	guest_job "$1" shm "fuzz,$1,100000"
	guest_job "$1" edu "examples,$1"
	# The base's pciehp takes its reset lock and the rescan lock in both
	# orders when a switch port is unplugged from: lockdep is right to say
	# so, but it isn't our concern.
	guest_job "$1" plug unplug lockdep.prove_locking=0
	guest_job "$1" switch selftest,p2pmem_lifecycle
	guest_job "$1" switch selftest,p2pmem_sysfs
	copies "$1" switch
	guest_job "$1" switch selftest,p2pmem_query
	guest_job "$1" switch acs
	guest_job "$1" switch tool
	copies "$1" roots
	copies "$1" iommu
	copies "$1" allowed
	copies "$1" allowed-iommu
	guest_job "$1" switch fio
	guest_job "$1" switch reset
	guest_job "$1" sriov sriov
	guest_job "$1" allowed-writes writes
	guest_job "$1" path path
	guest_job "$1" switch nvmet
	guest_job "$1" roots nvmet
}

# What the tool in the guest has dumped, shown here: JSON is JSON, and damage
# of any one byte ends in a result or in an error.
tool_offline()
{
	local tool=$out/tools-pci/lsp2pdma dump=$logs/tool.dump i status

	say "- lsp2pdma on a dump from the guest"
	sed -n '/^# dump begins/,/^# end$/s/^# //p' \
		"$logs/tool-plain-switch.report" | tail -n +2 >"$dump"
	for i in matrix tree; do
		check "JSON of $i" eval \
			'"$tool" -j -r "$dump" $i | python3 -m json.tool >"$logs/tool.json"'
	done
	for ((i = 0; i < 200; i++)); do
		python3 "$here/damage.py" "$i" <"$dump" >"$logs/tool.damaged"
		status=0
		"$tool" -r "$logs/tool.damaged" tree >"$logs/tool.out" 2>&1 ||
			status=$?
		((status == 0 || status == 6)) && continue
		check "damaged dump $i: exit status $status" false
	done
	check "200 damaged dumps" true
}

# The harness must see what goes wrong.
controls()
{
	say "- negative controls of the harness"
	must_be fail plain control,fail
	must_be skip plain control,skip
	must_be none plain control,short
	must_be none plain control,empty
	TIMEOUT=30 must_be hang plain control,hang
	must_be oops plain control,oops
	must_be warn plain control,warn
}

# One of the controls only waits.
tool_and_controls()
{
	controls
	tool_offline
	settle
}

# header NAME PATCH
header()
{
	sed -n "s/^$1: //p" "$2"
}

# Each suite must see the defect that its break puts in: kernels are built one
# after another from the same tree, which is mended at the end. While one is
# built, those before it run.
# breaks FLAVOUR: those whose suite wants this kernel
breaks()
{
	local patch name flavour whole

	say "- deliberate breaks, one for each suite, $1 kernel"
	mkdir -p "$out/breaks"
	whole=$(sha256sum <"$out/$1/arch/x86/boot/bzImage")
	for patch in "$here"/breaks/*.patch; do
		name=$(basename "$patch" .patch)
		flavour=$(header Flavour "$patch")
		[[ ${flavour:-plain} == "$1" ]] || continue
		! is_left_out "$(job_of_break "$patch")" "break $name" ||
			continue
		if build_break "$name" "$1" >"$logs/break-$name.log" 2>&1; then
			boot_break "$name" "$patch" "$1"
		else
			tail -n 12 "$logs/break-$name.log"
			check "break $name builds (log: $logs/break-$name.log)" false
		fi
	done
	settle
	must "$here/prepare.sh"
	must "$here/build.sh" "$1"
}

# Builds are reproducible: the same kernel again is one without the break.
build_break()
{
	local image=$out/$2/arch/x86/boot/bzImage

	BREAK=$1 "$here/prepare.sh" && "$here/build.sh" "$2" &&
		cp "$image" "$out/breaks/$1" || return
	[[ $(sha256sum <"$image") != "$whole" ]] && return
	say "the break is not in the kernel"
	return 1
}

# job_of_break PATCH: the guest's job whose result is to turn red
job_of_break()
{
	local job suite

	job=$(header Job "$1") suite=$(header Suite "$1")
	[[ $suite != p2pdma_* ]] || job=kunit
	printf '%s\n' "${job:-selftest,$suite}"
}

# boot_break NAME PATCH FLAVOUR: the patch says which suite sees it, as what
boot_break()
{
	local name=break-$1 suite topology job timeout options judging=''

	suite=$(header Suite "$2")
	topology=$(header Topology "$2")
	timeout=$(header Timeout "$2")
	job=$(job_of_break "$2")
	guest_expect[$name]=$(header Expect "$2")
	: "${guest_expect[$name]:=fail}"
	if [[ $job == kunit ]]; then
		topology=bare judging=--kunit
		options=("kunit.filter_glob=$suite")
	else
		options=(kunit.enable=0)
	fi
	IMAGE=$out/breaks/$1 TIMEOUT=${timeout:-240} \
		start "$name" "break $1, $suite" "$judging" "$3" \
		"${topology:-switch}" "$job" "${options[@]}"
}

# What nothing can go on without: counted, and then it is over.
must()
{
	"$@" && return
	((++failed))
	failures+=("$*")
	verdict
	exit 1
}

# The gates that need no guest, and the series: sources [brief]
sources()
{
	KEEP_GOING=1 part lint lint "$@"
	# Whoever checks need not be known to git.
	GIT_AUTHOR_NAME=${GIT_AUTHOR_NAME:-$(git config user.name || echo check)} \
	GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL:-$(git config user.email || echo check@localhost)} \
		part series series
}

plain_kernel()
{
	must "$here/build.sh" plain
	must "$here/initramfs.sh" full
	guest_tests plain
	guest_offload plain
	guest_job plain switch rxe
	for topology in cascade hosts bridge pc pc-root; do
		copies plain "$topology"
	done
	guest_job plain allowed allow \
		"pci=p2pdma_allow_host=1234:5678;8086:29c0:x;8086:29c0:ww;8086:29c0:;8086;8086:29c0x;:29c0;0:29c0;18086:29c0;8086:29c0,noaer"
	settle
}

# With CONFIG_PCI_P2PDMA=n, and beside it
off_kernel()
{
	must "$here/build.sh" off
	guest_job off switch off
	settle
	part same same
}

debug_kernel()
{
	must "$here/build.sh" debug
	must "$here/initramfs.sh" full
	guest_tests debug
	guest_job debug shm fault,module,debug
	guest_job debug shm fault,calls
	guest_job debug switch trace
	settle
	say "- negative controls of the debug kernel"
	must_be leak debug control,leak,debug
	must_be oops debug control,oops,debug
	settle
}

kcsan_kernel()
{
	must "$here/build.sh" kcsan
	must "$here/initramfs.sh" full
	SMP=4 guest_kunit kcsan
	SMP=4 guest_job kcsan switch selftest,p2pmem_sysfs
	SMP=4 guest_job kcsan shm provider,kcsan
	say "- negative control of the kernel with KCSAN"
	must_be oops kcsan control,race,kcsan
	settle
}

# phase FUNCTION [argument...]: how long each takes is told at the end
phases=()
phase()
{
	local start=$SECONDS

	"$@"
	phases+=("$(printf '%5d s  %s' $((SECONDS - start)) "$*")")
}

everything()
{
	aside hurt hurt
	phase sources
	phase join
	phase plain_kernel
	phase tool_and_controls
	phase breaks plain
	phase off_kernel
	phase debug_kernel
	phase breaks debug
	phase kcsan_kernel
}

what_the_base_matters_to()
{
	phase sources brief
	phase plain_kernel
	phase tool_and_controls
	phase off_kernel
	phase debug_kernel
}

in_brief()
{
	phase sources brief
	phase plain_kernel
	phase tool_offline
}

other_bases()
{
	local other

	for other in "$root"/bases/*.env; do
		other=$(basename "$other" .env)
		[[ $other != "$base" ]] || continue
		say
		say "Base $other, in brief (more of it: make check BASE=$other)"
		BASE=$other part "check-$other" check brief
	done
}

mkdir -p "$logs"
must "$here/deps.sh" check
must "$here/prepare.sh"
slots=2
if [[ ${1:-} == brief ]]; then
	in_brief
elif [[ $base == 6.12 ]]; then
	everything
	[[ -n ${BASE:-} ]] || phase other_bases
else
	what_the_base_matters_to
fi
say
say "Base $base, by phase:"
printf '  %s\n' "${phases[@]}"
verdict
