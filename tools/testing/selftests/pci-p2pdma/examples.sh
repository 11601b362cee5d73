#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The samples of the documentation do what it says: a copy from one client to
# the other, by DMA through the provider's memory. For the topology "edu".
. "$(dirname "$0")/lib.sh"
need shm edus
dev=/sys/bus/pci/devices
provider=$(shm)
from=$(edus | sed -n 1p)
to=$(edus | sed -n 2p)
port=$(port_above "$to")
pool=$dev/$provider/p2pmem
bytes=2048
page_size=$(awk '/KernelPageSize/ { print $2 * 1024; exit }' /proc/self/smaps)

start_role()
{
	case $1 in
	client) set -- client dma_bits=64 ;;
	orchestrator) set -- orchestrator "from=$from" "to=$to" ;;
	esac
	role=$1
	shift
	modprobe "p2pdma_sample_$role" "$@"
}

end_role()
{
	rmmod "p2pdma_sample_$1"
}

# The kernel's messages since the last time
said()
{
	dmesg -c >/tmp/said
	sed 's/^/# /' /tmp/said
	grep -q "$1" /tmp/said
}

fresh() { dd if=/dev/urandom of=/tmp/data bs=$bytes count=1 2>/dev/null; }
fill() { fresh && dd if=/tmp/data of="$dev/$1/store" bs=$bytes 2>/dev/null; }
holds()
{
	dd if="$dev/$1/store" of=/tmp/back bs=$bytes count=1 2>/dev/null &&
		cmp /tmp/data /tmp/back
}
round_trip() { fill "$1" && holds "$1"; }
start() { echo $bytes >/sys/kernel/debug/p2pdma_sample_orchestrator/copy; }
available() { cat "$pool/available"; }
whole() { [ "$(available)" = "$(cat "$pool/size")" ]; }
refused() { ! "$@" 2>/dev/null; }

# copied_through WHAT: other data than before arrives, and went that way
copied_through()
{
	dmesg -c >/dev/null
	fill "$from" && start && holds "$to" &&
		said "p2pdma_sample_orchestrator: $bytes bytes through $1"
}

# start_and_see: a copy is begun in the background; what of the pool is in use.
# Without a process for each look: the copy takes 200 ms.
start_and_see()
{
	read -r size <"$pool/size"
	free=$size
	rm -f /tmp/over
	{ start; : >/tmp/over; } &
	while [ "$free" = "$size" ] && [ ! -e /tmp/over ]; do
		read -r free <"$pool/available"
	done
	in_use=$((size - free))
}

page_in_use()
{
	start_and_see
	wait
	[ "$in_use" = "$page_size" ] && whole
}

# The copy holds memory: unbinding waits for its end.
provider_leaves_a_copy()
{
	dmesg -c >/dev/null
	fill "$from"
	start_and_see
	end_role provider
	wait
	[ "$in_use" = "$page_size" ] && [ ! -e "$pool" ] && holds "$to" &&
		said "$bytes bytes through memory of $provider"
}

# in_order LOADED... -- UNLOADED...: a copy works, and nothing is left
in_order()
{
	while [ "$1" != -- ]; do
		start_role "$1" || return
		shift
	done
	shift
	copied_through "memory of $provider" && whole || return
	for role; do
		end_role "$role" || return
		[ ! -e "$pool" ] || whole || return
	done
	! grep p2pdma_sample /proc/modules
}

plan 22
result "there are two clients and a provider" [ -n "$to" -a -n "$provider" ]
start_role client
result "the one client's store" round_trip "$from"
result "the other client's store" round_trip "$to"
result "an orchestrator wants clients that exist" refused \
	modprobe p2pdma_sample_orchestrator from=0000:ff:1f.7 "to=$to"
start_role orchestrator
result "no provider: through host memory" copied_through "host memory"

start_role provider
result "a provider comes: through its memory" copied_through "memory of $provider"
result "all of it is free again" whole
result "a copy uses a page of it" page_in_use
result "and again" copied_through "memory of $provider"

setpci -s "$port" ECAP_ACS+6.w=0004
result "a client is redirected: through host memory" copied_through "host memory"
result "and not even tried from then on" \
	eval 'copied_through "host memory" && ! grep "not through" /tmp/said'
why="redirected packets are not forwarded upstream (at $(root_above "$to"))"
remedy="redirection is turned off by \"pci=disable_acs_redir=$(path_of "$port")\""
result "the log said why, and what to do" grep -q \
	"$to: P2PDMA: can't reach memory of $provider: $why; $remedy" /tmp/said
setpci -s "$port" ECAP_ACS+6.w=0000
result "no more: through the provider's memory" copied_through "memory of $provider"

result "the client's module is in use" refused end_role client
result "the provider leaves during a copy" provider_leaves_a_copy
result "a copy after that: through host memory" copied_through "host memory"
start_role provider
result "the provider is back" copied_through "memory of $provider"
end_role provider
end_role orchestrator
end_role client

result "unloaded: provider last" \
	in_order client provider orchestrator -- orchestrator client provider
result "unloaded: client last" in_order provider client orchestrator -- orchestrator provider client
result "unloaded: provider first" \
	in_order client orchestrator provider -- provider orchestrator client
result "nothing is left in debugfs" [ ! -e /sys/kernel/debug/p2pdma_sample_orchestrator ]
result "nor in sysfs" [ ! -e "$dev/$from/store" ]
ktap_finished
