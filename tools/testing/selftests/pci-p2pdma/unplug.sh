#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A client, then the provider are unplugged while data moves between them; and
# another provider is plugged in at the same address. For the topology "plug".
. "$(dirname "$0")/lib.sh"
need provider source target lsp2pdma
# What is plugged and unplugged is written to the report, for qemu/monitor.py.
[ -n "$P2PMEM_MONITOR" ] || skip "nobody passes commands on to QEMU's monitor"
provider=$P2PMEM_PROVIDER
source=$(pci_of source)
target=$(pci_of target)
dev=/sys/bus/pci/devices

# Moves data all the time, until it can't; says how often it could.
traffic()
{
	n=0
	while p2pmem_cp copy "$P2PMEM_SOURCE" "$1" 2 "$provider" >/tmp/last 2>&1; do
		n=$((n + 1))
		echo $n >/tmp/copies
	done
	touch /tmp/ended
}

start_traffic()
{
	rm -f /tmp/copies /tmp/ended
	traffic "$1" &
	within 20 test -e /tmp/copies
}

# plug COMMAND...: of QEMU's monitor
plug() { echo "# monitor: $*"; }
gone() { [ ! -e "$dev/$1" ]; }
is_whole() { [ "$(cat "$dev/$provider/p2pmem/available")" = "$available" ]; }
unknown() { lsp2pdma explain "$provider" "$1" >/dev/null 2>&1; [ $? -eq 3 ]; }
reached() { lsp2pdma explain "$provider" "$1" >/dev/null; }
published() { [ "$(cat "$dev/$provider/p2pmem/published" 2>/dev/null)" = 1 ]; }
logged() { dmesg | grep -q "$1"; }
reads_itself() { p2pmem_cp copy "$P2PMEM_SOURCE" "$P2PMEM_SOURCE" 2 "$provider" >/tmp/last 2>&1; }

plan 16
available=$(cat "$dev/$provider/p2pmem/available")
p2pmem_cp fill "$P2PMEM_SOURCE" 4 >/dev/null
result "the target reaches the provider" reached "$target"
result "data moves to the target" start_traffic "$P2PMEM_TARGET"
plug device_del nvme-target
result "the target is gone" within 40 gone "$target"
result "its traffic has ended" within 20 test -e /tmp/ended
result "nothing of the memory is lost" within 10 is_whole
result "there is no answer for the target any more" unknown "$target"
result "the source reaches the provider as before" reached "$source"

result "data moves to the source itself" start_traffic "$P2PMEM_SOURCE"
plug device_del nvme-provider
result "the provider is gone" within 40 gone "$provider"
result "its traffic has ended" within 20 test -e /tmp/ended
result "there is no answer for the provider any more" unknown "$source"

sleep 3		# a slot takes a second to power off
plug device_add nvme,id=nvme-again,serial=again,drive=again,bus=dp0,cmb_size_mb=8
result "another provider is at its address" within 60 published
result "of its own size" [ "$(cat "$dev/$provider/p2pmem/size")" = 8388608 ]
result "data moves through it" reads_itself
sed 's/^/# /' /tmp/last

plug device_add nvme,id=nvme-small,serial=small,drive=small,bus=dp2,cmb_size_mb=1
result "the memory of a third drive is too small, which is said" \
	within 60 logged "the CMB of 1024 KiB is too small"
result "it provides nothing" [ ! -e "$dev/$target/p2pmem" ]
ktap_finished
