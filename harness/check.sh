#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# All that CI runs. Goes on after a failure, so that one run tells everything;
# only what nothing can go on without ends it.
set -euo pipefail
# shellcheck source=harness/tests.sh
. "$(dirname "$0")/tests.sh"

here=$root/harness

lint()
{
	local gates

	KEEP_GOING=1 "$here/lint.sh" 2>&1 | tee "$logs/lint.log" || true
	gates=$(grep '^lint: ' "$logs/lint.log" || echo 'lint: 0 passed, 1 failed')
	read -r _ p _ f _ <<<"$gates"
	((passed += p, failed += f)) || true
	((f == 0)) || failures+=("lint")
}

# part NAME: a script that counts for itself, and whose last line says so
part()
{
	local p f

	"$here/$1.sh" 2>&1 | tee "$logs/$1.log" || true
	read -r p _ f _ <<<"$(tail -n 1 "$logs/$1.log" |
		grep -E '^[0-9]+ passed, [0-9]+ failed' || echo '0 passed, 1 failed')"
	((passed += p, failed += f)) || true
	((f == 0)) || failures+=("$1.sh")
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
	must_be hang plain control,hang TIMEOUT=20
	must_be oops plain control,oops
	must_be warn plain control,warn
}

# Each suite must see the defect that its break puts in: kernels are built one
# after another from the same tree, and the tree is mended at the end.
breaks()
{
	local patch name whole

	say "- deliberate breaks, one for each suite"
	whole=$(sha256sum <"$out/plain/arch/x86/boot/bzImage")
	for patch in "$here"/breaks/*.patch; do
		name=$(basename "$patch" .patch)
		! is_left_out "$(job_of_break "$patch")" "break $name" ||
			continue
		if build_break "$name" >"$logs/break-$name.log" 2>&1; then
			boot_break "$name" "$patch"
		else
			tail -n 12 "$logs/break-$name.log"
			check "break $name builds (log: $logs/break-$name.log)" false
		fi
	done
	must "$here/prepare.sh"
	must "$here/build.sh" plain
}

# Builds are reproducible: the same kernel again is one without the break.
build_break()
{
	BREAK=$1 "$here/prepare.sh" && "$here/build.sh" plain || return
	[[ $(sha256sum <"$out/plain/arch/x86/boot/bzImage") != "$whole" ]] && return
	say "the break is not in the kernel"
	return 1
}

# header NAME PATCH
header()
{
	sed -n "s/^$1: //p" "$2"
}

# job_of_break PATCH: the guest's job whose result is to turn red
job_of_break()
{
	local job suite

	job=$(header Job "$1") suite=$(header Suite "$1")
	[[ $suite != p2pdma_* ]] || job=kunit
	printf '%s\n' "${job:-selftest,$suite}"
}

# boot_break NAME PATCH: the patch says which suite sees it, and as what
boot_break()
{
	local name=break-$1 suite expect topology job timeout options judging=()

	suite=$(header Suite "$2")
	expect=$(header Expect "$2")
	topology=$(header Topology "$2")
	timeout=$(header Timeout "$2")
	job=$(job_of_break "$2")
	if [[ $job == kunit ]]; then
		topology=bare
		options=("kunit.filter_glob=$suite")
	else
		options=(kunit.enable=0)
	fi
	TIMEOUT=${timeout:-60} "$here/boot.sh" "$name" plain "${topology:-switch}" "$job" \
		"${options[@]}"
	[[ $job != kunit ]] || judging=(--kunit)
	check "break $1: $suite turns red" \
		judged_as "${expect:-fail}" "$name" "${judging[@]}"
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

mkdir -p "$logs"
must "$here/deps.sh" check
must "$here/prepare.sh"
part hurt
lint
must "$here/build.sh" plain
must "$here/initramfs.sh" full

slots=2
guest_tests plain
guest_offload plain
guest_job plain switch rxe
for topology in cascade hosts bridge pc pc-root; do
	copies plain "$topology"
done
guest_job plain allowed allow \
	"pci=p2pdma_allow_host=8086;8086:29c0x;:29c0;0:29c0;18086:29c0;1234:5678;8086:29c0,noaer"
settle
tool_offline
controls
breaks

must "$here/build.sh" off
guest_job off switch off
settle
part same

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

must "$here/build.sh" kcsan
must "$here/initramfs.sh" full
SMP=4 guest_kunit kcsan
SMP=4 guest_job kcsan switch selftest,p2pmem_sysfs
SMP=4 guest_job kcsan shm provider,kcsan
settle
say "- negative control of the kernel with KCSAN"
must_be oops kcsan control,race,kcsan

verdict
