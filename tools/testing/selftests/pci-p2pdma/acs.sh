#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# ACS changed at run time, between two transfers, through sysfs and through
# /proc: each goes where the verdict of the moment says, or fails and moves
# nothing. And the log names what is in the way. For the topology "switch".
#
# What a port of the switch redirects comes in at the root port, where its
# destination is. Without Upstream Forwarding there it goes no further, and with
# it to the root complex. Neither is a way.
. "$(dirname "$0")/lib.sh"
need provider source target setpci acs /sys/kernel/config/nvmet
mib=4

source=$(pci_of source)
target=$(pci_of target)
provider_port=$(port_above "$P2PMEM_PROVIDER")
source_port=$(port_above "$source")
target_port=$(port_above "$target")
root_port=$(root_above "$source")

# acs PORT VALUE [method]
acs()
{
	setpci -A "${3:-linux-sysfs}" -s "$1" "ECAP_ACS+6.w=$2"
}

wipe()
{
	dd if=/dev/zero of="$P2PMEM_TARGET" bs=1M count=$mib oflag=direct \
		2>/dev/null
}

digest()
{
	dd if="$1" bs=1M count=$mib iflag=direct 2>/dev/null | sha256sum
}

copy()
{
	wipe
	p2pmem_cp copy "$P2PMEM_SOURCE" "$P2PMEM_TARGET" $mib \
		"$P2PMEM_PROVIDER" >/tmp/copy 2>&1
}

arrives()
{
	copy && [ "$(digest "$P2PMEM_SOURCE")" = "$(digest "$P2PMEM_TARGET")" ]
}

refused()
{
	! copy && [ "$(digest "$P2PMEM_TARGET")" = "$empty" ]
}

# An empty log. Refusals are logged 10 times in 5 seconds at most.
empty_log()
{
	sleep 6
	dmesg -c >/dev/null
}

# logged DEVICE REASON PORT REDIRECTING_PORT...: such a refusal, and no other
logged()
{
	ports=$(path_of "$4")${5:+;$(path_of "$5")}
	refusal="$1: P2PDMA: can't reach memory of $P2PMEM_PROVIDER: $2 (at $3);"
	refusal="$refusal redirection is turned off by \"pci=disable_acs_redir=$ports\""
	dmesg | grep "P2PDMA: can't reach" >/tmp/log
	grep -qF "$refusal" /tmp/log && ! grep -vF "$refusal" /tmp/log && return
	echo "# wanted: $refusal"
	sed 's/^/# /' /tmp/log
	return 1
}

turns="redirected packets are not forwarded upstream"
requests="requests are redirected upstream"
completions="completions are redirected upstream"

plan 18
p2pmem_cp fill "$P2PMEM_SOURCE" $mib >/dev/null
wipe
empty=$(digest "$P2PMEM_TARGET")
result "no redirection: arrives" arrives
empty_log
acs "$source_port" 001d
result "requests redirected at the source: refused" refused
result "the log says where they turn" \
	logged "$source" "$turns" "$root_port" "$source_port"
acs "$root_port" 0010
empty_log
result "forwarded by the root port: refused" refused
result "the log says where they are redirected" \
	logged "$source" "$requests" "$source_port" "$source_port"
acs "$source_port" 0000
result "no redirection again: arrives" arrives
acs "$provider_port" 0008
empty_log
result "completions redirected at the provider: refused" refused
result "the log says so" \
	logged "$source" "$completions" "$provider_port" "$provider_port"
acs "$provider_port" 0010
result "something else at the provider: arrives" arrives
acs "$target_port" 0004 linux-proc
empty_log
result "requests redirected at the target, by /proc: refused" refused
result "the log names the target" \
	logged "$target" "$requests" "$target_port" "$target_port"
acs "$source_port" 0008
acs "$target_port" 0008
result "completions redirected at the clients: arrives" arrives

# A list of clients
cfg=/sys/kernel/config/nvmet/subsystems/acs
mkdir $cfg $cfg/namespaces/1
printf %s "$P2PMEM_TARGET" >$cfg/namespaces/1/device_path
echo "$P2PMEM_PROVIDER" >$cfg/namespaces/1/p2pmem
enable() { echo 1 >$cfg/namespaces/1/enable; } 2>/dev/null
acs "$target_port" 0004
acs "$provider_port" 0008
empty_log
result "nvmet is refused" eval '! enable && ! enable'
result "the log names the device, the reason and both ports" \
	logged "$target" "$requests" "$target_port" "$target_port" "$provider_port"
acs "$target_port" 0000
empty_log
result "nvmet is refused for another reason" eval '! enable'
result "the log names that one, too" \
	logged "$target" "$completions" "$provider_port" "$provider_port"
acs "$root_port" 0000
empty_log
result "and for a third one" eval '! enable'
result "the log names the root port" \
	logged "$target" "$turns" "$root_port" "$provider_port"
rmdir $cfg/namespaces/1 $cfg
for port in "$root_port" "$provider_port" "$source_port" "$target_port"; do
	acs "$port" 0000
done
ktap_finished
