# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# What arrays and multipath are made of: drives on the switch and one that isn't;
# a namespace with both paths on the switch, and one with a path elsewhere.
#
#   root bus
#    |- rp0 - up0 -- dp0 - nvme "provider"   (16 MiB CMB)
#    |            |- dp1 - nvme "source"
#    |            |- dp2 - nvme "target"
#    |            |- dp3 - nvme "other"      (4 MiB CMB)
#    |            |- dp4 - nvme "pair"       (namespace of both)
#    |            |- dp5 - nvme "pair"
#    |            |- dp6 - nvme "half"
#    |            |- dp7 - nvme "leg"
#    |            `- dp8 - edu
#    |- rp1 - nvme "half"                    (its namespace by another path)
#    `- rp2 - nvme "far"                     (4 MiB CMB)
# shellcheck source=tools/testing/selftests/pci-p2pdma/qemu/switch.sh
. "$topologies/switch.sh"
for port in 3 4 5 6 7 8; do
	devices+=(-device "pcie-root-port,id=dp$port,bus=up0,chassis=$((port + 2)),slot=$port")
done
devices+=(
	-device edu,bus=dp8,dma_mask=0xffffffffffffffff
	-device pcie-root-port,id=rp1,chassis=16,slot=16
	-device pcie-root-port,id=rp2,chassis=17,slot=17
)
drive other dp3 cmb_size_mb=4

# shared NAME BUS BUS: one namespace of two controllers
shared()
{
	medium "$1"
	drives+=(
		-device "nvme-subsys,id=subsys-$1,nqn=$1"
		-device "nvme,id=nvme-$1-a,serial=$1,subsys=subsys-$1,bus=$2"
		-device "nvme,id=nvme-$1-b,serial=$1,subsys=subsys-$1,bus=$3"
		-device "nvme-ns,drive=$1,bus=nvme-$1-a,shared=on"
	)
}
shared pair dp4 dp5
shared half dp6 rp1
drive leg dp7
drive far rp2 cmb_size_mb=4
