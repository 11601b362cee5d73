# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# The switch, and on a fourth port a device whose BAR 2 is 4 MiB of memory.
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/switch.sh
. "$topologies/switch.sh"
devices+=(
	-device pcie-root-port,id=dp3,bus=up0,chassis=5,slot=3
	-object memory-backend-ram,id=shm,size="${shm_size:-4M}",share=on
	-device ivshmem-plain,memdev=shm,bus=dp3
)
