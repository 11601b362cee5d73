# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
# The switch, and one processor whose time-stamp counter counts instructions.
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/switch.sh
. "$topologies/switch.sh"
counting=1
