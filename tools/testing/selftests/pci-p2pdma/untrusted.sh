#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A drive that isn't trusted, behind an IOMMU: there its mappings go another way
# through the DMA code, and are refused, too. For the topology "allowed-iommu".
. "$(dirname "$0")/lib.sh"
need provider source parameter=p2pdma_allow_host=
provider=$P2PMEM_PROVIDER
source=$(pci_of source)
control=/sys/kernel/debug/p2pdma_copy
mib=4

digest() { sha256sum <"$1" | cut -d " " -f 1; }
reads() { p2pmem_cp read "$P2PMEM_SOURCE" $mib "$provider" /tmp/memory >/tmp/out 2>&1; }
translated() { grep -q "^DMA" "/sys/bus/pci/devices/$source/iommu_group/type"; }

arrives()
{
	reads && dd if="$P2PMEM_SOURCE" bs=1M count=$mib iflag=direct of=/tmp/data 2>/dev/null &&
		[ "$(digest /tmp/memory)" = "$(digest /tmp/data)" ]
}

is_refused()
{
	! reads && grep -q "Remote I/O error" /tmp/out && return
	sed 's/^/# /' /tmp/out
	return 1
}

[ -d /sys/module/p2pdma_copy ] || load p2pdma_copy
plan 5
p2pmem_cp fill "$P2PMEM_SOURCE" $mib >/dev/null
result "an IOMMU translates the drive's addresses" translated
result "data arrives" arrives
echo "trust $source 0" >$control
result "of a drive that is not trusted it is refused" is_refused
result "host memory serves it" \
	dd if="$P2PMEM_SOURCE" bs=1M count=$mib iflag=direct of=/tmp/again 2>/dev/null
echo "trust $source 1" >$control
result "and when it is trusted data arrives" arrives
ktap_finished
