#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# An NVMe target whose payload goes from the fabric's card to
# the drive through a third one's memory; what becomes of it when the card is
# elsewhere, and when the memory goes away. For the topology "fabric".
. "$(dirname "$0")/lib.sh"
. ./target.sh
need provider source target edus nvme /sys/kernel/config/nvmet
near=$(edus | head -n 1)
far=$(edus | tail -n 1)
pci=/sys/bus/pci/devices
driver=/sys/bus/pci/drivers/nvme
kib=128

# Between two marks a trace of the drives has the round trip, and nothing else.
marked_trip()
{
	p2pmem_cp mark "$P2PMEM_SOURCE" "$1"
	round_trip "$remote" "$2"
	status=$?
	p2pmem_cp mark "$P2PMEM_SOURCE" $(($1 + 1))
	return $status
}

is_whole() { is "$pci/$P2PMEM_PROVIDER/p2pmem/available" "$available"; }

# Round trips until told to stop, and how many
traffic()
{
	n=0
	while [ ! -e /tmp/stop ]; do
		round_trip "$remote" 64 || touch /tmp/wrong
		n=$((n + 1))
		echo $n >/tmp/trips
	done
}

start_traffic()
{
	rm -f /tmp/stop /tmp/trips
	traffic &
}

stop_traffic()
{
	touch /tmp/stop
	wait
}

further() { [ "$(cat /tmp/trips 2>/dev/null || echo 0)" -gt "$1" ]; }

# goes_on TRIPS: so many more of them
goes_on() { within 120 further $(($(cat /tmp/trips 2>/dev/null || echo 0) + $1)); }
grows() { before=$(moved "$1"); goes_on 3 && [ "$(moved "$1")" -gt "$before" ]; }
stands() { before=$(moved "$1"); goes_on 3 && [ "$(moved "$1")" -eq "$before" ]; }

published() { is "$pci/$P2PMEM_PROVIDER/p2pmem/published" 1 2>/dev/null; }
bound() { [ -e "$pci/$P2PMEM_PROVIDER/driver" ]; }

come_and_go()
{
	n=0
	while [ $n -lt "$1" ]; do
		echo "$P2PMEM_PROVIDER" >$driver/unbind
		sleep 0.3
		echo "$P2PMEM_PROVIDER" >$driver/bind
		sleep 0.$n
		n=$((n + 1))
	done
}

plan 26
available=$(cat "$pci/$P2PMEM_PROVIDER/p2pmem/available")
bar=$(sed -n '3s/ \(0x[0-9a-f]*\).*/-\1/p' "$pci/$P2PMEM_PROVIDER/resource")
echo "# $P2PMEM_PROVIDER BAR 2 is [$bar]"
load nvme_edu
create_target
echo "$P2PMEM_PROVIDER" >$ns/p2pmem
echo 1 >$ns/enable
open_port 1 fc traddr "$near"
open_port 2 fc traddr "$far"

result "connected by the card on the switch" attach "$near"
result "the target says that it uses p2pmem" \
	said "using p2pmem on $P2PMEM_PROVIDER for nsid 1"
result "all payload moves through p2pmem" moves $((2 * kib)) 0 marked_trip 0 $kib
result "the memory is whole again" is_whole
result "disconnected" disconnect

result "connected by the card on the root port" attach "$far"
result "the log says why it can't use p2pmem" \
	said "edu $far: P2PDMA: can't reach memory of $P2PMEM_PROVIDER: path crosses"
result "the target says what follows" \
	said "no peer-to-peer memory is available that's supported by $far"
result "all payload moves through memory" moves 0 $((2 * kib)) marked_trip 2 $kib
result "disconnected" disconnect

echo 0 >$ns/enable
echo 1 >$ns/p2pmem
echo 1 >$ns/enable
result "connected, with any provider" attach "$near"
start_traffic
result "payload moves through p2pmem" grows p2pmem
echo "$P2PMEM_PROVIDER" >$driver/unbind
result "the provider is unbound" eval '! bound'
result "payload moves through memory" grows memory
result "and no more through p2pmem" stands p2pmem
echo "$P2PMEM_PROVIDER" >$driver/bind
result "the provider is back" within 20 published
result "payload moves through p2pmem again" grows p2pmem
come_and_go 10
result "the provider comes and goes 10 times" goes_on 3
echo 1 >"$pci/$P2PMEM_PROVIDER/remove"
result "the provider is removed" [ ! -e "$pci/$P2PMEM_PROVIDER" ]
result "payload moves through memory" grows memory
stop_traffic
result "all of $(cat /tmp/trips) round trips brought back what they sent" [ ! -e /tmp/wrong ]
result "disconnected" disconnect

echo 1 >/sys/bus/pci/rescan
within 20 published
result "connected with the provider that is there now" attach "$near"
result "payload moves through its p2pmem" moves 128 0 round_trip "$remote" 64
result "the memory is whole again" is_whole
result "all can go" eval \
	'disconnect && close_port 1 && close_port 2 && remove_target && rmmod nvme_edu'
ktap_finished
