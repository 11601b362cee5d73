# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# One switch; a drive with 16 MiB of controller memory, and two without.
# The switch ports are QEMU's root ports: those have an ACS capability.
#
#   root bus
#    `- rp0 - up0 -- dp0 - nvme "provider"   (16 MiB CMB)
#                 |- dp1 - nvme "source"
#                 `- dp2 - nvme "target"
machine=$pcie
devices=(
	"${one_switch[@]}"
)
drive provider dp0 cmb_size_mb="${CMB_MB:-16}"
drive source dp1
drive target dp2
