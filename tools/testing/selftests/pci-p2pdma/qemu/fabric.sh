# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# The switch, and two devices with nothing but a DMA engine, which stand in for
# cards of a fabric: one on the switch, and one on a root port of its own.
#
#   root bus
#    |- rp0 - up0 -- dp0 - nvme "provider"   (16 MiB CMB)
#    |            |- dp1 - nvme "source"
#    |            |- dp2 - nvme "target"
#    |            `- dp3 - edu               (reaches the provider)
#    `- rp1 - edu                            (does not)
#
# The engine takes 100 ms for 2 KiB. So time is counted in instructions: while
# nothing runs, it passes at once.
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/switch.sh
. "$topologies/switch.sh"
counting=1
devices+=(
	-device pcie-root-port,id=dp3,bus=up0,chassis=5,slot=3
	-device edu,bus=dp3,dma_mask=0xffffffffffffffff
	-device pcie-root-port,id=rp1,chassis=6,slot=6
	-device edu,bus=rp1,dma_mask=0xffffffffffffffff
)
