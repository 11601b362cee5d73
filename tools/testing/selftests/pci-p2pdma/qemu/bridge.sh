# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# A conventional bus behind a PCIe-to-PCI bridge, and a bridge on that.
#
#   root bus
#    `- rp0 - PCIe-to-PCI bridge -- nvme "provider"   (16 MiB CMB)
#                                |- nvme "source"
#                                `- PCI bridge - nvme "target"
machine=$pcie
devices=(
	-device pcie-root-port,id=rp0,chassis=1,slot=1
	-device pcie-pci-bridge,id=pci0,bus=rp0
	-device pci-bridge,id=pci1,bus=pci0,chassis_nr=2,addr=1
)
drive provider pci0 cmb_size_mb=16,addr=2
drive source pci0 addr=3
drive target pci1 addr=1
