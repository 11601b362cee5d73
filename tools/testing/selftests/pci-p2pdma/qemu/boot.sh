#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot a kernel in QEMU, with the devices that tests want.
# usage: boot.sh TOPOLOGY KERNEL INITRD [kernel parameter...]
#   TOPOLOGY: one of the files beside this one, less ".sh", or a path to another
#   INITRD: has a shell, these tests, and an /init that runs them
# In the environment:
#   ARCH              x86 or arm64, as the kernel's make names it; the host's
#   CONSOLE, REPORT   files for the first and the second serial port; without
#                     CONSOLE it is a terminal, and Ctrl-A X ends the machine;
#                     REPORT=terminal: the second is one
#   MEMORY, SMP       megabytes (1024) and processors (2)
#   TIMEOUT           seconds until QEMU is killed; exit status 124 says so
#   QEMU_ARGS         further arguments, separated by blanks
set -euo pipefail

topologies=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
topology=$1 kernel=$2 initrd=$3
shift 3
[[ $topology == */* ]] || topology=$topologies/$topology.sh
[[ -f $topology ]] || {
	echo "no such topology: $topology; there are:" \
	     "$(cd "$topologies" && echo ./*.sh)" >&2
	exit 2
}
arch=${ARCH:-$(uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')}
[[ -f $topologies/arch/$arch.sh ]] || {
	echo "no machine for ARCH=$arch; there are:" \
	     "$(cd "$topologies/arch" && echo ./*.sh)" >&2
	exit 2
}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/boot.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# What a topology sets: the machine, its devices, what the kernel is told;
# counting, if instructions are the clock; monitor, if a test's wishes go there
machine='' devices=() drives=() parameters=() counting='' monitor=''
memory=${MEMORY:-1024} processors=${SMP:-2}

# What an architecture sets: the emulator, and its firmware, if it must be there,
# with what Debian calls their packages; its machines with PCIe and without, of
# which a topology chooses; the identity of the host bridge of the first one; what
# is in each machine
emulator='' emulator_package='' firmware='' firmware_package=''
pcie='' pci='' console='' cpu='' arch_parameters='' host_bridge=''
arch_devices=()
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/arch/x86.sh
. "$topologies/arch/$arch.sh"

# For topologies: a switch with three ports. They are QEMU's root ports, since
# those have an ACS capability.
# shellcheck disable=SC2034,SC2054	# used by those
one_switch=(
	-device pcie-root-port,id=rp0,chassis=1,slot=1
	-device x3130-upstream,id=up0,bus=rp0
	-device pcie-root-port,id=dp0,bus=up0,chassis=2,slot=0,multifunction=on
	-device pcie-root-port,id=dp1,bus=up0,chassis=3,slot=1
	-device pcie-root-port,id=dp2,bus=up0,chassis=4,slot=2
)

# medium NAME: what a drive stores its data in
medium()
{
	truncate -s "${DRIVE_MB:-128}M" "$scratch/$1.img"
	drives+=(-drive "file=$scratch/$1.img,if=none,id=$1,format=raw")
}

# drive NAME BUS [nvme option...]
drive()
{
	local id=$1 bus=$2 options=
	shift 2

	(($#)) && options=$(printf ',%s' "$@")
	medium "$id"
	drives+=(-device "nvme,id=nvme-$id,serial=$id,drive=$id,bus=$bus$options")
}

# shellcheck source=/dev/null
. "$topology"
[[ -n $machine ]] || {
	echo "${topology##*/} wants a machine that ARCH=$arch has not:" \
	     "another topology, or ARCH=x86" >&2
	exit 2
}
command -v "$emulator" >/dev/null || {
	echo "no $emulator here: on Debian, apt-get install $emulator_package" >&2
	exit 2
}
[[ -z $firmware || -f $firmware ]] || {
	echo "no firmware $firmware here: on Debian, apt-get install" \
	     "$firmware_package, or FIRMWARE=FILE" >&2
	exit 2
}

if [[ -n $counting ]]; then
	# One instruction, one nanosecond: a time-stamp counter counts them.
	accelerate=(-accel tcg -icount "shift=0,sleep=off" -smp 1)
elif has_kvm; then
	accelerate=(-accel kvm -smp "$processors")
else
	accelerate=(-accel "tcg${TCG:+,$TCG}" -smp "$processors")
fi

command_line="console=$console,115200 panic=-1${arch_parameters:+ $arch_parameters}"
command_line+="${monitor:+ p2pdma.monitor} ${parameters[*]} $*"
arguments=(
	-machine "$machine" "${accelerate[@]}" -cpu "$cpu" -m "$memory"
	-display none -no-reboot -nodefaults -kernel "$kernel" -initrd "$initrd"
	-append "$command_line"
)
if [[ -n ${CONSOLE:-} ]]; then
	arguments+=(-serial "file:$CONSOLE")
	case ${REPORT:-} in
	'') ;;
	terminal) second_port mon:stdio ;;
	*) second_port "file:$REPORT" ;;
	esac
else
	arguments+=(-serial mon:stdio)
fi
if [[ -n $monitor && -n ${REPORT:-} ]]; then
	arguments+=(-chardev "socket,id=monitor,path=$scratch/monitor,server=on,wait=off"
		    -mon "chardev=monitor,mode=readline")
	: >"$REPORT"
	"$topologies/monitor.py" "$REPORT" "$scratch/monitor" &
	helper=$!
fi
read -r -a further <<<"${QEMU_ARGS:-}"
status=0
timeout --foreground --kill-after=10 "${TIMEOUT:-0}" \
	"$emulator" "${arguments[@]}" "${devices[@]}" "${drives[@]}" \
	"${arch_devices[@]}" "${further[@]}" || status=$?
[[ -z ${helper:-} ]] || kill "$helper" 2>/dev/null || true
exit "$status"
