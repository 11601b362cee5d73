# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Three root ports, and an operator who knows that QEMU's host bridge routes
# peer to peer: every pair goes through it.
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/roots.sh
. "$topologies/roots.sh"
parameters=("pci=p2pdma_allow_host=$host_bridge")
