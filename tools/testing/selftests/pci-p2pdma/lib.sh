# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
# Sourced by each test: results as KTAP; the devices, by the serial numbers that
# the topologies in qemu/ give to drives; and a reason where one is missing.
cd "${P2PMEM_TESTS:-$(dirname "$0")}" || exit 1
PATH=$PWD:$PATH
if [ -f ../kselftest/ktap_helpers.sh ]; then
	. ../kselftest/ktap_helpers.sh
else
	. ./ktap_helpers.sh
fi

# plan NUMBER
plan()
{
	ktap_print_header
	ktap_set_plan "$1"
}

# result TEXT COMMAND...
result()
{
	text=$1
	shift
	if "$@"; then
		ktap_test_pass "$text"
	else
		ktap_test_fail "$text"
	fi
}

# quiet COMMAND...: what it says is shown if it fails
quiet()
{
	"$@" >/tmp/out 2>&1 && return
	sed 's/^/# /' /tmp/out
	return 1
}

# says PROVIDER CLIENT PATTERN: there is such a line in lsp2pdma's explanation
says()
{
	lsp2pdma explain "$1" "$2" >/tmp/out 2>&1
	grep -q "$3" /tmp/out && return
	sed 's/^/# /' /tmp/out
	return 1
}

# skip REASON...: all of this test
skip()
{
	ktap_print_header
	ktap_skip_all "$*"
	exit "$KSFT_SKIP"
}

# load MODULE [PARAMETER...]: of the kernel, or of test_modules/
load()
{
	name=$1
	shift
	modprobe "$name" "$@" 2>/dev/null ||
		insmod "test_modules/$name.ko" "$@"
}

# nvme_of SERIAL: name of the controller, nvmeN
nvme_of()
{
	for ctrl in /sys/class/nvme/nvme*; do
		[ "$(tr -d ' ' 2>/dev/null <"$ctrl/serial")" = "$1" ] &&
			basename "$ctrl"
	done
}

# pci_of SERIAL: its PCI address
pci_of()
{
	basename "$(readlink -f "/sys/class/nvme/$(nvme_of "$1")/device")"
}

# port_above ADDRESS: PCI address of the bridge above a function
port_above()
{
	basename "$(dirname "$(readlink -f "/sys/bus/pci/devices/$1")")"
}

# root_above ADDRESS: PCI address of the function on the root bus above it
root_above()
{
	path_of "$1" | cut -d/ -f1
}

# path_of ADDRESS: its way down from the root bus, as boot parameters take it
path_of()
{
	readlink -f "/sys/bus/pci/devices/$1" |
		sed 's|^/sys/devices/.*pci[0-9a-f]*:[0-9a-f]*/||; s|/[^/]*:|/|g'
}

# pci_with VENDOR DEVICE: PCI addresses of all such functions, in order
pci_with()
{
	for dev in /sys/bus/pci/devices/*; do
		[ "$(cat "$dev/vendor" "$dev/device" | xargs)" = "0x$1 0x$2" ] &&
			basename "$dev"
	done
}

# QEMU's ivshmem-plain: memory that p2pdma_provider provides
shm() { pci_with 1af4 1110; }
# QEMU's edu: a DMA engine
edus() { pci_with 1234 11e8; }

# need WHAT...: skips the test where one of these isn't there
need()
{
	for what; do
		case $what in
		provider | source | target | added | slow)
			[ -n "$(nvme_of "$what")" ] ||
				skip "no NVMe drive with serial number \"$what\""
			;;
		shm) [ -n "$(shm)" ] || skip "no ivshmem device" ;;
		edus)
			[ "$(edus | wc -l)" -ge 2 ] || skip "no two edu devices"
			;;
		acs)
			[ -n "$(setpci -s "$(port_above "$(pci_of provider)")" \
				ECAP_ACS+4.w 2>/dev/null)" ] ||
				skip "the port above the provider has no ACS capability"
			;;
		sriov)
			[ -e "/sys/bus/pci/devices/$(pci_of source)/sriov_numvfs" ] ||
				skip "the source has no SR-IOV"
			;;
		parameter=*)
			grep -qF "${what#*=}" /proc/cmdline ||
				skip "the kernel wants the parameter ${what#*=}"
			;;
		/*) [ -e "$what" ] || skip "no $what" ;;
		*) command -v "$what" >/dev/null || skip "no $what" ;;
		esac
	done
}

# Limits are for QEMU's emulation on a processor of 2020; scaled SECONDS is that
# many for one which is slower, or a kernel that checks more.
slowness=$(p2pmem_cp slowness)
scaled() { echo $(($1 * slowness)); }

# within SECONDS COMMAND...
within()
{
	tries=$(($(scaled "$1") * 10))
	shift
	while ! "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

# fio_verifies FILE SIZE: random I/O. fio must have had its buffers in p2pmem, as it
# was told to, and have checked them.
fio_verifies()
{
	fio --name=p2pmem --filename="$1" --direct=1 --rw=randwrite \
		--bsrange=4k-64k --size="$2" --iodepth=8 --ioengine=libaio \
		--iomem="mmapshared:$p2pmem/allocate" --verify=crc32c \
		--verify_fatal=1 --do_verify=1 --randseed=7 \
		--output=/tmp/fio.log && grep -q 'err= 0' /tmp/fio.log &&
		grep -q 'READ:' /tmp/fio.log && return
	sed 's/^/# /' /tmp/fio.log
	return 1
}

P2PMEM_PROVIDER=$(pci_of provider)
P2PMEM_SOURCE_PCI=$(pci_of source)
P2PMEM_SOURCE=/dev/$(nvme_of source)n1
P2PMEM_TARGET=/dev/$(nvme_of target)n1
p2pmem=/sys/bus/pci/devices/$P2PMEM_PROVIDER/p2pmem
# In a kernel without user mappings of p2pmem a module has the buffer.
if [ -d "$p2pmem" ] && [ ! -e "$p2pmem/allocate" ] &&
   [ ! -d /sys/module/p2pdma_copy ]; then
	load p2pdma_copy
fi
export P2PMEM_PROVIDER P2PMEM_SOURCE P2PMEM_SOURCE_PCI P2PMEM_TARGET
# What is expected of the drives. Without a word it is what the kernel says.
if [ -z "$P2PMEM_REACHABLE" ] && [ -n "$(nvme_of provider)" ]; then
	P2PMEM_REACHABLE=0
	! p2pmem_cp ask "$P2PMEM_PROVIDER" "$P2PMEM_SOURCE_PCI" >/dev/null ||
		P2PMEM_REACHABLE=1
fi
export P2PMEM_REACHABLE
