#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A user's writes to ACS, resets, removal and rescan: answers are right at each
# step, and data moves again. For the topology "switch".
. "$(dirname "$0")/lib.sh"
need provider source target acs setpci lsp2pdma
provider=$P2PMEM_PROVIDER
source=$(pci_of source)
dev=/sys/bus/pci/devices
port=$(port_above "$source")

# is TYPE: the answer
is() { lsp2pdma -j explain "$provider" "$source" | grep -q "\"type\":\"$1\""; }
reaches() { is bus-address; }
refuses() { is not-supported; }
is_gone() { lsp2pdma explain "$provider" "$source" >/dev/null 2>&1; [ $? -eq 3 ]; }

# asking STATUS: lsp2pdma reads config space, which waits for a reset's end.
asking() { p2pmem_cp ask "$provider" "$source" >/dev/null; [ $? -eq "$1" ]; }
moves() { p2pmem_cp copy "$P2PMEM_SOURCE" "$P2PMEM_SOURCE" 2 "$provider" >/dev/null 2>&1; }

# redirects METHOD REGISTER ON OFF: a write changes the answer, and one back
redirects()
{
	setpci -A "$1" -s "$port" "$2=$3" && refuses &&
		setpci -A "$1" -s "$port" "$2=$4" && reaches
}

# Without its driver: lockdep takes the base's nvme driver, which freezes its
# queues in one thread and thaws them in another, for one that forgets a lock.
unbind() { echo "$source" >/sys/bus/pci/drivers/nvme/unbind; }

bind()
{
	echo "$source" >/sys/bus/pci/drivers/nvme/bind
	has_drive
}

has_drive()
{
	n=0
	while [ ! -b "$P2PMEM_SOURCE" ] && [ $n -lt 100 ]; do
		n=$((n + 1))
		sleep 0.1
	done
}

reset() { echo 1 >"$dev/$source/reset"; }

# QEMU's ports don't say that the link is up again after a reset of the bus: the
# kernel logs that, and takes the reset for one that failed.
bus_reset()
{
	echo bus >"$dev/$source/reset_method"
	reset 2>/dev/null || dmesg | grep -q "$port: Data Link Layer Link Active not set"
}

# during_resets NUMBER COMMAND...: true at all times, asked as often as that while
# there are as many resets, however slow the machine
during_resets()
{
	least=$1
	shift
	rm -f /tmp/enough
	: >/tmp/resets
	{
		while [ ! -e /tmp/enough ]; do
			reset 2>/dev/null
			echo >>/tmp/resets
		done
	} &
	asked=0 wrong=0
	while [ $asked -lt "$least" ] || [ "$(wc -l </tmp/resets)" -lt "$least" ]; do
		"$@" || wrong=$((wrong + 1))
		asked=$((asked + 1))
	done
	: >/tmp/enough
	wait
	echo "# asked $asked times"
	[ $wrong -eq 0 ]
}

plan 23
p2pmem_cp fill "$P2PMEM_SOURCE" 2 >/dev/null
result "reached" reaches
for method in linux-sysfs linux-proc; do
	result "a byte is written, by $method" redirects $method ECAP_ACS+6.b 04 00
	result "a word is written, by $method" redirects $method ECAP_ACS+6.w 0004 0000
	result "a double word is written, by $method" \
		redirects $method ECAP_ACS+4.l 00040000 00000000
done
setpci -s "$port" ECAP_ACS+8.b=00
setpci -s "$port" ECAP_ACS+6.w >/dev/null
result "other registers are written: no change" reaches

unbind
result "the client is reset" reset
result "reached" reaches
result "reached while it is reset" during_resets 10 asking 0
setpci -s "$port" ECAP_ACS+6.w=0004
result "refused while it is reset" during_resets 10 asking 1
result "a reset of its bus" bus_reset
result "still refused" refuses
result "refused while its bus is reset" during_resets 3 asking 1
setpci -s "$port" ECAP_ACS+6.w=0000
result "reached while its bus is reset" during_resets 3 asking 0
bind
result "data moves" moves
setpci -s "$port" ECAP_ACS+6.w=0004
result "redirected: nothing moves" eval '! moves'
setpci -s "$port" ECAP_ACS+6.w=0000

echo 1 >"$dev/$source/remove"
result "the client is removed: no answer" is_gone
echo 1 >/sys/bus/pci/rescan
has_drive
result "a rescan finds it" reaches
result "data moves" moves
setpci -s "$port" ECAP_ACS+6.w=0004
echo 1 >/sys/bus/pci/rescan
result "a rescan that finds nothing changes nothing" refuses
setpci -s "$port" ECAP_ACS+6.w=0000
result "and data moves when it may" moves
ktap_finished
