# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# Conventional functions on the root bus of a PCIe machine: memory, two DMA engines;
# and one root port, with nothing behind it.
machine=$pcie
devices=(
	-device pcie-root-port,id=rp0,chassis=1,slot=1
	-object memory-backend-ram,id=shm,size=4M,share=on
	-device ivshmem-plain,memdev=shm,bus=pcie.0
	-device edu,bus=pcie.0
	-device edu,bus=pcie.0
)
