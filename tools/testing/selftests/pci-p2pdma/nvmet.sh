#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The NVMe target, told to use p2pmem: it takes what it can reach, and a loop
# connection to the namespace works in both cases. A loop has no device that
# could DMA to p2pmem, and the target says so.
. "$(dirname "$0")/lib.sh"
. ./target.sh
need provider source target nvme /sys/kernel/config/nvmet

switch_on() { echo "$1" >$ns/p2pmem && echo 1 >$ns/enable; }
switch_off() { echo 0 >$ns/enable; }

# As the drives reach the provider or don't
enable_as_reachable()
{
	if [ "$P2PMEM_REACHABLE" = 1 ]; then
		switch_on "$1" && switch_off
	else
		refused 1 $ns/enable
	fi
}

plan 10
create_target
result "p2pmem is off at first" is $ns/p2pmem 0
result "an address that isn't there is refused" refused 0000:ff:1f.7 $ns/p2pmem
result "a device without memory is refused" refused "$(pci_of source)" $ns/p2pmem
result "nonsense is refused" refused 10 $ns/p2pmem
echo 1 >$ns/p2pmem
result "any provider: as it is reachable" enable_as_reachable 1
echo "$P2PMEM_PROVIDER" >$ns/p2pmem
result "this provider: as it is reachable" enable_as_reachable "$P2PMEM_PROVIDER"
result "the provider is shown" is $ns/p2pmem "$P2PMEM_PROVIDER"

[ "$P2PMEM_REACHABLE" = 1 ] || echo 0 >$ns/p2pmem
echo 1 >$ns/enable
open_port 1 loop
result "connected over loop" connect loop
result "the target says that a loop uses none" \
	eval '[ "$P2PMEM_REACHABLE" = 0 ] || said "no p2pmem for nsid 1"'
result "data goes there and back" round_trip "$remote" 4096

disconnect
close_port 1
remove_target
ktap_finished
