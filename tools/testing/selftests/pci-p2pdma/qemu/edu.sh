# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# For the samples: below one switch, a device whose BAR 2 is 4 MiB of memory,
# and two DMA engines. The drives are there because the guest waits for them;
# none has a CMB, so that there is one provider.
#
#   root bus
#    |- rp0 - up0 -- dp0 - ivshmem
#    |            |- dp1 - edu
#    |            `- dp2 - edu
#    `- rp1, rp2, rp3 - an nvme each
machine=$pcie
edu=edu,dma_mask=0xffffffffffffffff
devices=(
	"${one_switch[@]}"
	-object memory-backend-ram,id=shm,size=4M,share=on
	-device ivshmem-plain,memdev=shm,bus=dp0
	-device "$edu,bus=dp1"
	-device "$edu,bus=dp2"
)
for port in 1 2 3; do
	devices+=(-device "pcie-root-port,id=rp$port,chassis=$((port + 4)),slot=$((port + 1))")
done
drive provider rp1
drive source rp2
drive target rp3
