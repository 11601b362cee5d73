#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Virtual functions: they come, reach the provider, move data, and go. For the
# topology "sriov".
. "$(dirname "$0")/lib.sh"
need provider source target sriov lsp2pdma nvme
[ "$(cat /sys/module/nvme_core/parameters/multipath 2>/dev/null)" != Y ] ||
	skip "the kernel wants the parameter nvme_core.multipath=0"
provider=$P2PMEM_PROVIDER
pf=$(pci_of source)
ctrl=/dev/$(nvme_of source)
dev=/sys/bus/pci/devices


# Give the first virtual function its queues and interrupts, and start it.
online()
{
	nvme virt-mgmt "$ctrl" -c 1 -r 0 -a 8 -n 2 >/tmp/out 2>&1 &&
	nvme virt-mgmt "$ctrl" -c 1 -r 1 -a 8 -n 1 >>/tmp/out 2>&1 &&
	echo 1 >"$dev/$vf/reset" &&
	nvme virt-mgmt "$ctrl" -c 1 -a 9 >>/tmp/out 2>&1 &&
	echo nvme >"$dev/$vf/driver_override" &&
	echo "$vf" >/sys/bus/pci/drivers/nvme/bind && return
	sed 's/^/# /' /tmp/out
	return 1
}

has_drive()
{
	n=0
	while [ $n -lt 100 ]; do
		drive=/dev/$(basename "$dev/$vf"/nvme/nvme*)n1
		[ -b "$drive" ] && return
		n=$((n + 1))
		sleep 0.1
	done
	return 1
}

copies() { quiet p2pmem_cp copy "$1" "$P2PMEM_TARGET" 4 "$provider"; }

is_unknown() { lsp2pdma explain "$provider" "$1" >/tmp/out 2>&1; [ $? -eq 3 ]; }

# The drive and its virtual functions don't route to each other: what they send
# goes up the link, as if they redirected it.
turns="not supported: redirected packets are not forwarded upstream, at"

plan 19
p2pmem_cp fill "$P2PMEM_SOURCE" 4 >/dev/null
port=$(port_above "$pf")
root_port=$(root_above "$pf")
result "the drive reaches the provider" says "$provider" "$pf" "bus-address, 4 hops"
echo 0 >"$dev/$pf/sriov_drivers_autoprobe"
echo 2 >"$dev/$pf/sriov_numvfs"
vf=$(basename "$(readlink "$dev/$pf/virtfn0")")
other=$(basename "$(readlink "$dev/$pf/virtfn1")")
result "the drive still does" says "$provider" "$pf" "bus-address, 4 hops"
result "they don't reach each other" says "$vf" "$pf" "$turns $port"
result "nor do two virtual ones" says "$vf" "$other" "$turns $port"
result "what they send turns at the port above" says "$vf" "$other" \
	"$port bridge, ACS .* <- common bridge; redirected packets turn here"
setpci -s "$port" ECAP_ACS+6.w=0010
result "or, if that one forwards it, at the root port" says "$vf" "$other" "$turns $root_port"
setpci -s "$root_port" ECAP_ACS+6.w=0010
result "or goes to the root complex" says "$vf" "$other" \
	"not supported: requests are redirected upstream, at $other"
result "which only the host could let through" says "$vf" "$other" \
	"boot with pci=p2pdma_allow_host="
setpci -s "$root_port" ECAP_ACS+6.w=0000
setpci -s "$port" ECAP_ACS+6.w=0000
result "the virtual function is started" online
result "and has the drive" has_drive
# Not before: without its driver it addresses 4 GiB, and the memory may be above.
result "it reaches the provider" says "$provider" "$vf" "bus-address, 4 hops"
result "data moves by the virtual function" copies "$drive"
result "data moves by the physical one" copies "$P2PMEM_SOURCE"
setpci -s "$port" ECAP_ACS+6.w=0004
result "the port redirects: nothing moves by the virtual function" eval '! copies "$drive"'
setpci -s "$port" ECAP_ACS+6.w=0000
result "and again it does" copies "$drive"
echo "$vf" >/sys/bus/pci/drivers/nvme/unbind
echo 0 >"$dev/$pf/sriov_numvfs"
result "the virtual functions are gone: no answer" is_unknown "$vf"
result "for the other one, too" is_unknown "$other"
result "the drive still reaches the provider" says "$provider" "$pf" "bus-address, 4 hops"
result "data moves by the physical one" copies "$P2PMEM_SOURCE"
ktap_finished
