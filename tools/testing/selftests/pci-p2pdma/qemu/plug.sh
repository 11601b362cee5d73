# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# The switch, with a monitor by which the guest has devices plugged, and ports
# that the kernel's own hot-plug driver serves.
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/switch.sh
. "$topologies/switch.sh"
devices=(-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "${devices[@]}")
monitor=1
# What is plugged in later
medium again
medium small
