# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# Topology shm with more memory (SHM_SIZE), and on a fifth port a drive "slow" that
# takes a tenth of a second for a request: its I/O is in flight for long enough to be
# interfered with. The memory's device has a ROM full of "Z", to take the place of
# the first 4 MiB: it takes no writes. Errors of ports come by the monitor.
shm_size=${SHM_SIZE:-128M}
monitor=1
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/shm.sh
. "$topologies/shm.sh"
head -c 4M /dev/zero | tr '\0' Z >"$scratch/rom"
devices[-1]+=",romfile=$scratch/rom"
truncate -s 16M "$scratch/slow.img"
devices+=(-device pcie-root-port,id=dp4,bus=up0,chassis=6,slot=4)
drives+=(
	-drive "file=$scratch/slow.img,if=none,id=slow,format=raw,throttling.iops-total=10"
	-device nvme,id=nvme-slow,serial=slow,drive=slow,bus=dp4
)
