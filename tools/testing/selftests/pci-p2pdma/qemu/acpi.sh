# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# The switch, in a machine that ACPI describes; arm64's have device tree in others.
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/switch.sh
. "$topologies/switch.sh"
with_acpi
