# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# The switch; the source is a drive with two virtual functions, without ACS. Their
# namespace has a block device each, not one for all paths.
#
#   root bus
#    `- rp0 - up0 -- dp0 - nvme "provider"   (16 MiB CMB)
#                 |- dp1 - nvme "source", SR-IOV
#                 `- dp2 - nvme "target"
machine=$pcie
parameters=(nvme_core.multipath=0)
queues=max_ioqpairs=6,msix_qsize=7,sriov_max_vfs=2
queues+=,sriov_vq_flexible=4,sriov_vi_flexible=2
devices=(
	"${one_switch[@]}"
	-device nvme-subsys,id=subsys0,nqn=p2pdma-sriov
	-device "nvme,id=nvme-source,serial=source,bus=dp1,subsys=subsys0,$queues"
)
drive provider dp0 cmb_size_mb=16
drive target dp2
medium source
devices+=("${drives[@]: -2}" -device nvme-ns,drive=source,nsid=1,shared=on,bus=nvme-source)
drives=("${drives[@]:0:${#drives[@]}-2}")
