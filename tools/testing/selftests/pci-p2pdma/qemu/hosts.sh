# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# Two host bridges. Neither is known to route: every pair is refused.
#
#   root bus 00 -- rp0 - nvme "source"
#               `- rp1 - nvme "target"
#   root bus 40 -- rp2 - nvme "provider"   (16 MiB CMB)
machine=$pcie
devices=(
	-device pxb-pcie,id=pxb0,bus_nr=64,bus=pcie.0
	-device pcie-root-port,id=rp0,chassis=1,slot=1
	-device pcie-root-port,id=rp1,chassis=2,slot=2
	-device pcie-root-port,id=rp2,bus=pxb0,chassis=3,slot=3
)
drive provider rp2 cmb_size_mb=16
drive source rp0
drive target rp1
# With device tree QEMU's arm64 has one host bridge.
with_acpi
