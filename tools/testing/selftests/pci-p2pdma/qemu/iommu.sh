# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# The switch, and an IOMMU that is on. Linux then turns ACS redirection on at
# every port, and so every pair goes through the host bridge, which is not
# known to route: refused. (QEMU would send bus addresses to the IOMMU too.)
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/switch.sh
. "$topologies/switch.sh"
with_iommu
