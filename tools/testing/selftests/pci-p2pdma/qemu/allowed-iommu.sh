# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# The switch, an IOMMU, and a host bridge that is allowed: what ACS redirects
# goes through the host bridge, with addresses that the IOMMU translates.
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/iommu.sh
. "$topologies/iommu.sh"
parameters+=("pci=p2pdma_allow_host=$host_bridge")
