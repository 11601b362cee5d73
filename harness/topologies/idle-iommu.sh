# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# SPDX-License-Identifier: GPL-2.0
# The same ports and devices, and an IOMMU that is on: Linux turns ACS
# redirection on at every port, and makes groups.
# shellcheck source=harness/topologies/idle.sh
. "$(dirname "${BASH_SOURCE[0]}")/idle.sh"
with_iommu
