# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# Three root ports: nothing but the root complex is above any two drives, and
# QEMU's is not known to route peer to peer. Every pair is refused.
#
#   root bus
#    |- rp0 - nvme "provider"   (16 MiB CMB)
#    |- rp1 - nvme "source"
#    `- rp2 - nvme "target"
machine=$pcie
devices=(
	-device pcie-root-port,id=rp0,chassis=1,slot=1
	-device pcie-root-port,id=rp1,chassis=2,slot=2
	-device pcie-root-port,id=rp2,chassis=3,slot=3
)
drive provider rp0 cmb_size_mb=16
drive source rp1
drive target rp2
