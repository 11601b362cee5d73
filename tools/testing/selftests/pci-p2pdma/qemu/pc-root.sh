# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# A root bus that seems to be conventional, but has PCIe endpoints on it, as
# when a hypervisor passes devices through: what is really between them can't
# be known. Every pair is refused.
#
#   root bus -- nvme "provider"   (16 MiB CMB)
#            |- nvme "source"
#            `- PCI bridge - nvme "target"
machine=$pci
devices=(-device pci-bridge,id=pci1,bus=pci.0,chassis_nr=1)
drive provider pci.0 cmb_size_mb=16
drive source pci.0
drive target pci1 addr=1
