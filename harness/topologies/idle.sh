# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# SPDX-License-Identifier: GPL-2.0
# Ports with ACS, and below them devices that no driver takes: nothing to
# provide. As repeatable as can be, for memory to be compared to the page:
# instructions are the clock, the date and what is random are given, and nobody
# waits for the host's files.
#
#   root bus
#    `- rp0 - up0 -- dp0 - edu
#                 |- dp1 - edu
#                 `- dp2 - pci-testdev
machine=$pcie
counting=1
parameters=(norandmaps)
ports=(
	-rtc base=2026-01-01,clock=vm -seed 1
	"${one_switch[@]}"
)
devices=(
	"${ports[@]}"
	-device edu,bus=dp0
	-device edu,bus=dp1
	-device pci-testdev,bus=dp2
)
