#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot a kernel in QEMU and let the guest do one job.
# usage: boot.sh NAME FLAVOUR TOPOLOGY JOBS [kernel parameter...]
#
# Three serial ports: the console, which is judged for what the kernel says;
# the report, which is the job's own; and, for "shell", the user's terminal.
# Leaves logs/NAME.{console,report,trace} and, in .exit, how QEMU ended.
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

name=$1 flavour=$2 topology=$3 jobs=$4
shift 4
# Seconds. The longest guest of a plain kernel takes 150 by itself (measured), a
# debug kernel is 4 to 8 times slower, and other guests and builds run beside it.
# TIMEOUT overrides.
case $flavour in
debug* | kcsan) timeout=${TIMEOUT:-2400} memory=2048 ;;
*) timeout=${TIMEOUT:-900} memory=768 ;;
esac

scratch=$(mktemp -d "$out/boot.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

devices=() drives=() parameters=() counting='' monitor=''
# Called by the topology: medium NAME, what a drive stores its data in
medium()
{
	truncate -s "${DRIVE_MB:-128}M" "$scratch/$1.img"
	drives+=(-drive "file=$scratch/$1.img,if=none,id=$1,format=raw")
}

# Called by the topology: drive NAME BUS [nvme option...]
drive()
{
	local id=$1 bus=$2 options=
	shift 2

	(($#)) && options=$(printf ',%s' "$@")
	medium "$id"
	drives+=(-device "nvme,id=nvme-$id,serial=$id,drive=$id,bus=$bus$options")
}

[[ -f $root/harness/topologies/$topology.sh ]] ||
	die "no such topology: $topology; there are:" \
	    "$(cd "$root/harness/topologies" && ls | sed 's/\.sh$//' | xargs)"
# shellcheck source=/dev/null
. "$root/harness/topologies/$topology.sh"

image=${IMAGE:-$out/$flavour/arch/x86/boot/bzImage}
[[ -f $image ]] || die "no kernel at $image: make kernel"

# The guest's files, the modules for its kernel, and what it wants besides: an
# archive of archives
archives=("$out/initramfs.gz" "$out/modules-${flavour%-broken}.gz"
	  "${INITRD_TOO:-}")
[[ +$jobs != *+fio* ]] || archives+=("$out/initramfs-fio.gz")
for archive in "${archives[@]}"; do
	[[ ! -f $archive ]] || cat "$archive"
done >"$scratch/initrd"

# One instruction, one nanosecond: then a time-stamp counter counts them.
processors=(-smp "${SMP:-2}")
[[ -z $counting ]] || processors=(-smp 1 -icount "shift=0,sleep=off")

# No 5-level page tables: while the base kernel identifies its first processor
# it forgets for a moment that it has them, and if an interrupt comes just then
# KASAN takes the direct map for wild memory (measured: 2 of 80 boots). And no
# check whether the timer ticks: on a busy host it may not, in the time that the
# kernel gives it, and that is a panic.
args=(
	-machine "$machine" -cpu "max,la57=off" -m "$memory" "${processors[@]}"
	-display none -no-reboot -nodefaults
	-kernel "$image" -initrd "$scratch/initrd"
	-append "console=ttyS0,115200 panic=-1 no_timer_check p2pdma.job=$jobs p2pdma.flavour=${flavour%-broken} p2pdma.topology=$topology ${parameters[*]} $*"
)
if [[ $jobs == shell ]]; then
	args+=(-serial "file:$logs/$name.console" -serial mon:stdio)
	timeout=86400
else
	args+=(-serial "file:$logs/$name.console"
	       -serial "file:$logs/$name.report")
fi
if [[ -n ${TRACE:-} ]]; then
	args+=(-trace "events=$root/harness/trace-events,file=$logs/$name.trace")
fi

# Sets status to QEMU's exit status.
boot()
{
	local helper=

	rm -f "$logs/$name".{console,report,trace,exit} "$scratch/monitor"
	: >"$logs/$name.report"
	if [[ -n $monitor ]]; then
		"$root/harness/monitor.py" "$logs/$name.report" \
			"$scratch/monitor" 2>"$logs/$name.monitor" &
		helper=$!
	fi
	status=0
	timeout --foreground --kill-after=10 "$timeout" \
		qemu-system-x86_64 "${args[@]}" "${devices[@]}" "${drives[@]}" ||
		status=$?
	[[ -z $helper ]] || kill "$helper" 2>/dev/null || true
}

[[ -z $monitor ]] ||
	args+=(-chardev "socket,id=monitor,path=$scratch/monitor,server=on,wait=off"
	       -mon "chardev=monitor,mode=readline")
mkdir -p "$logs"
boot
# QEMU 7.2 itself has been seen to crash while the guest's kernel enumerates PCI
# (once). A crash before the job has begun says nothing of the job.
if ((status == 139)) && [[ ! -s $logs/$name.report ]]; then
	say "  QEMU crashed while the guest booted ($name): once more"
	boot
fi
printf '%s\n' "$status" >"$logs/$name.exit"
