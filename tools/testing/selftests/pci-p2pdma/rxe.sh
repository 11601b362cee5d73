#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The NVMe target over RDMA in software, told to use p2pmem: the processor would
# do the DMA, so it doesn't, says so, and moves the data through host memory.
# For a kernel with RDMA, and the topology "switch".
. "$(dirname "$0")/lib.sh"
. ./target.sh
need provider target rdma nvme /sys/kernel/config/nvmet
address=192.0.2.1

is_whole() { is "/sys/bus/pci/devices/$P2PMEM_PROVIDER/p2pmem/available" "$available"; }

plan 7
available=$(cat "/sys/bus/pci/devices/$P2PMEM_PROVIDER/p2pmem/available")
ip link set lo up
ip link add dummy0 type dummy 2>/dev/null
ip addr add $address/24 dev dummy0
ip link set dummy0 up
result "RDMA in software" rdma link add rxe0 type rxe netdev dummy0
create_target
echo "$P2PMEM_PROVIDER" >$ns/p2pmem
result "the drive itself may use p2pmem" eval 'echo 1 >$ns/enable'
result "the target listens" open_port 1 rdma adrfam ipv4 traddr $address trsvcid 4420
result "connected over RDMA" connect rdma -a $address -s 4420
result "the target says that it doesn't use p2pmem" said "no p2pmem for nsid 1"
result "data goes there and back" round_trip "$remote" 4096
result "no p2pmem was used" eval 'is_whole && ! said "using p2pmem"'
disconnect
close_port 1
remove_target
rdma link delete rxe0
ktap_finished
