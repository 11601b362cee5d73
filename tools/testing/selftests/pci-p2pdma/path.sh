#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A boot parameter that names ports by path, as refusals propose it, still names
# them when a drive was added and bus numbers are others. For the topology
# "path".

# One more than the guest waits for
n=0
while [ "$(ls -d /sys/class/nvme/nvme*/nvme*n1 2>/dev/null | wc -l)" -lt 4 ] &&
		[ $n -lt 100 ]; do
	n=$((n + 1))
	sleep 0.1
done
. "$(dirname "$0")/lib.sh"
need provider source target added lsp2pdma setpci parameter=disable_acs_redir
provider=$P2PMEM_PROVIDER
source=$(pci_of source)
target=$(pci_of target)
root_port=$(root_above "$source")
mib=4

# What Linux turned on: request and completion redirection
redirecting() { [ $((0x$(setpci -s "$1" ECAP_ACS+6.w) & 0x0c)) -eq "$2" ]; }
is_named()
{
	grep -qF "$(path_of "$(port_above "$1")")" /proc/cmdline &&
		redirecting "$(port_above "$1")" 0
}
digest() { dd if="$1" bs=1M count=$mib iflag=direct 2>/dev/null | sha256sum; }
copies()
{
	quiet p2pmem_cp copy "$P2PMEM_SOURCE" "$P2PMEM_TARGET" $mib "$provider"
}

plan 11
result "the drive that was added comes first" \
	[ "$(pci_of added | cut -d: -f2)" = 01 ]
result "and so the switch's buses have other numbers" \
	[ "$(pci_of provider | cut -d: -f2)" = 04 ]
result "redirection is on at the root port" redirecting "$root_port" 12
result "and off at the provider's port, which is named" is_named "$provider"
result "at the source's" is_named "$source"
result "at the target's" is_named "$target"
result "the source reaches the provider" says "$provider" "$source" "bus-address, 4 hops"
result "the target does" says "$provider" "$target" "bus-address, 4 hops"
p2pmem_cp fill "$P2PMEM_SOURCE" $mib >/dev/null
result "a copy" copies
result "arrives" [ "$(digest "$P2PMEM_SOURCE")" = "$(digest "$P2PMEM_TARGET")" ]
result "the drive that was added does not reach it" \
	says "$provider" "$(pci_of added)" "not supported: path crosses the root complex"
ktap_finished
