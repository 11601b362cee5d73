# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# The switch, as it is after a drive was added on a root port with a lower
# number: every bus below the switch has another number than before. Linux
# turns ACS redirection on at every port, since there is an IOMMU. A boot
# parameter that names three ports by path, from before the drive was added,
# turns it off there. (The IOMMU doesn't translate: QEMU would send bus
# addresses to it, too.)
#
#   root bus
#    |- 03.0 rp1 - nvme "added"
#    `- 04.0 rp0 - up0 -- dp0 - nvme "provider"   (16 MiB CMB)
#                      |- dp1 - nvme "source"
#                      `- dp2 - nvme "target"
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/switch.sh
. "$topologies/switch.sh"
devices=(
	"${devices[@]/id=rp0,/id=rp0,addr=4,}"
	-device pcie-root-port,id=rp1,addr=3,chassis=5,slot=5
)
drive added rp1
ports="0000:00:04.0/00.0/00.0;0000:00:04.0/00.0/01.0;0000:00:04.0/00.0/02.0"
parameters=(iommu.passthrough=1 "\"pci=disable_acs_redir=$ports\"")
# By ACPI the kernel knows of the IOMMU before it scans PCI.
with_acpi
with_iommu
