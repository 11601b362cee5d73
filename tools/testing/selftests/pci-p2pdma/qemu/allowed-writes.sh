# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Three root ports, and an operator who knows that the host bridge routes what
# devices write to each other, but no reads.
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/roots.sh
. "$topologies/roots.sh"
parameters=("pci=p2pdma_allow_host=$host_bridge:w")
