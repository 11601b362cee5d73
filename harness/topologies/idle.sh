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
machine=q35
counting=1
parameters=(norandmaps)
ports=(
	-rtc base=2026-01-01,clock=vm -seed 1
	-device pcie-root-port,id=rp0,chassis=1,slot=1
	-device x3130-upstream,id=up0,bus=rp0
	-device pcie-root-port,id=dp0,bus=up0,chassis=2,slot=0,multifunction=on
	-device pcie-root-port,id=dp1,bus=up0,chassis=3,slot=1
	-device pcie-root-port,id=dp2,bus=up0,chassis=4,slot=2
)
devices=(
	"${ports[@]}"
	-device edu,bus=dp0
	-device edu,bus=dp1
	-device pci-testdev,bus=dp2
)
