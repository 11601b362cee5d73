#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vfio.sh [TIMES]: a provider that vfio-pci drives and resets, without an IOMMU;
# another module has added its memory. Taints the kernel. For the topology "slow".
. "$(dirname "$0")/lib.sh"
unsafe=/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
need shm slow provider /sys/bus/pci/drivers/vfio-pci $unsafe
P2PMEM_VFIO=$P2PMEM_PROVIDER
P2PMEM_SLOW=/dev/$(nvme_of slow)n1
P2PMEM_TIMES=$1
export P2PMEM_VFIO P2PMEM_SLOW P2PMEM_TIMES
pci=/sys/bus/pci
# The module is to take the drive's memory, and not its usual device's.
echo none >"$pci/devices/$(shm)/driver_override"
echo "$P2PMEM_VFIO" >$pci/drivers/nvme/unbind
load p2pdma_provider
printf '%x %x\n' "$(cat $pci/devices/"$P2PMEM_VFIO"/vendor)" \
	"$(cat $pci/devices/"$P2PMEM_VFIO"/device)" >$pci/drivers/p2pdma_provider/new_id
echo "$P2PMEM_VFIO" >$pci/drivers/p2pdma_provider/unbind
echo 1 >$unsafe
echo vfio-pci >"$pci/devices/$P2PMEM_VFIO/driver_override"
echo "$P2PMEM_VFIO" >$pci/drivers/vfio-pci/bind
exec p2pmem_quiesce -f vfio
