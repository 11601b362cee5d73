# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# A switch below a switch. Their ports are QEMU's downstream ports, which have
# no ACS capability.
#
#   root bus
#    `- rp0 - up0 -- dp0 - nvme "provider"   (16 MiB CMB)
#                 `- dp1 - up1 -- dp2 - nvme "source"
#                              `- dp3 - nvme "target"
machine=$pcie
devices=(
	-device pcie-root-port,id=rp0,chassis=1,slot=1
	-device x3130-upstream,id=up0,bus=rp0
	-device xio3130-downstream,id=dp0,bus=up0,chassis=2,slot=0
	-device xio3130-downstream,id=dp1,bus=up0,chassis=2,slot=1
	-device x3130-upstream,id=up1,bus=dp1
	-device xio3130-downstream,id=dp2,bus=up1,chassis=3,slot=0
	-device xio3130-downstream,id=dp3,bus=up1,chassis=3,slot=1
)
drive provider dp0 cmb_size_mb=16
drive source dp2
drive target dp3
