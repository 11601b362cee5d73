# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# A machine without PCIe: one conventional hierarchy, routed by itself.
#
#   root bus -- PCI bridge - nvme "provider"   (16 MiB CMB)
#            `- PCI bridge -- nvme "source"
#                          `- nvme "target"
machine=$pci
devices=(
	-device pci-bridge,id=pci1,bus=pci.0,chassis_nr=1
	-device pci-bridge,id=pci2,bus=pci.0,chassis_nr=2
)
drive provider pci1 cmb_size_mb=16,addr=1
drive source pci2 addr=1
drive target pci2 addr=2
