#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot a kernel that is built here, and let the guest do its jobs.
# usage: boot.sh NAME FLAVOUR TOPOLOGY JOBS [kernel parameter...]
#
# Three serial ports: the console, which is judged for what the kernel says;
# the report, which is the jobs' own; and, for "shell", the user's terminal.
# Leaves logs/NAME.{console,report,trace} and, in .exit, how QEMU ended.
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"
load_base

name=$1 flavour=$2 topology=$3 jobs=$4
shift 4
# Seconds. The longest guest of a plain kernel takes 150 by itself (measured), a
# debug kernel is 4 to 8 times slower, and other guests and builds run beside it.
# TIMEOUT overrides. Processors of a debug kernel take turns on one of the
# host's: each by itself, they wait for each other's locks while the host runs
# something else (measured: three guests at once took 2.4 times the instructions).
case $flavour in
debug*) TIMEOUT=${TIMEOUT:-2400} MEMORY=1024 TCG=thread=single ;;
kcsan) TIMEOUT=${TIMEOUT:-2400} MEMORY=2048 SMP=${SMP:-4} ;;
*) TIMEOUT=${TIMEOUT:-900} MEMORY=768 ;;
esac
export TIMEOUT MEMORY SMP TCG
CONSOLE=$logs/$name.console REPORT=$logs/$name.report

image=${IMAGE:-$out/$flavour/$arch_image}
[[ -f $image ]] || die "no kernel at $image: make kernel"
case $flavour-$topology in
64k-*acpi | 64k-hosts | 64k-path | 64k-*iommu)
	die "TOPOLOGY=$topology wants ACPI or an IOMMU, which FLAVOUR=64k has not:" \
	    "FLAVOUR=plain"
	;;
esac
[[ ! -f $root/harness/topologies/$topology.sh ]] ||
	topology=$root/harness/topologies/$topology.sh
# What a guest is to find; others ask the kernel.
case $topology in
roots | iommu | hosts | pc-root | integrated) set -- p2pdma.reachable=0 "$@" ;;
*) set -- p2pdma.reachable=1 "$@" ;;
esac

mkdir -p "$logs"
# The guest's files, the modules for its kernel, and what it wants besides: an
# archive of archives
initrd=$(mktemp "$out/initrd.XXXXXX")
trap 'rm -f "$initrd"' EXIT
archives=("$out/initramfs.cpio" "${INITRD_TOO:-}")
# Kernels that are compared (same.sh) have the same files.
[[ $jobs == facts ]] || archives+=("$out/modules-${flavour%-broken}.cpio")
[[ +$jobs != *+fio* && +$jobs != *+storage* ]] ||
	archives+=("$out/initramfs-fio.cpio")
[[ +$jobs != *+storage* ]] || archives+=("$out/initramfs-storage.cpio")
for archive in "${archives[@]}"; do
	[[ ! -f $archive ]] || cat "$archive"
done >"$initrd"

if [[ $jobs == shell ]]; then
	TIMEOUT=0 REPORT=terminal
elif [[ -n ${TRACE:-} ]]; then
	QEMU_ARGS="-trace events=$root/harness/trace-events,file=$logs/$name.trace"
fi
export CONSOLE REPORT QEMU_ARGS

# Ends a QEMU that runs on when its guest has done all its jobs: the kernel is in
# reboot(2) then, and has a sixth of the time that jobs have. It ends by itself
# when there is no QEMU.
end_stuck()
{
	local waited=0 script

	while sleep 5 && script=$(pgrep -P $$ -f qemu/boot.sh); do
		! grep -q 'guest: synced' "$CONSOLE" 2>/dev/null || ((waited += 5))
		((waited > TIMEOUT / 6)) || continue
		touch "$logs/$name.stuck"
		pkill -P "$script" timeout
		return
	done
}

# Sets status to QEMU's exit status.
boot()
{
	rm -f "$logs/$name".{console,report,trace,exit,stuck}
	status=0
	[[ $jobs == shell ]] || end_stuck >/dev/null 2>&1 &
	TMPDIR=$out ARCH=$arch "$tests/qemu/boot.sh" "$topology" "$image" "$initrd" \
		"p2pdma.jobs=$jobs" "$@" 2>"$logs/$name.qemu" || status=$?
	[[ ! -e $logs/$name.stuck ]] || status=124
}

boot "$@"
# QEMU 7.2 itself has been seen to crash while the guest's kernel enumerates PCI
# (once). A crash before the job has begun says nothing of the job.
if ((status == 139)) && [[ ! -s $logs/$name.report ]]; then
	say "  QEMU crashed while the guest booted ($name): once more"
	boot "$@"
fi
# A guest of 6.1 with an IOMMU has been seen to hang in poweroff(2), both
# processors idle (twice in hundreds). What hangs each time is a failure.
if [[ -e $logs/$name.stuck ]]; then
	say "  the guest didn't power off when its jobs were done ($name): once more"
	mv "$logs/$name.console" "$logs/$name.stuck-console"
	boot "$@"
fi
printf '%s\n' "$status" >"$logs/$name.exit"
# What QEMU, or the script that starts it, has to say of why it didn't run
((status == 0 || status == 124)) || cat "$logs/$name.qemu" >&2
