#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A host bridge that routes writes only: a drive writes into the memory, which is
# to read the drive, and doesn't read from it, which is to write the drive. For
# the topology "allowed-writes".
. "$(dirname "$0")/lib.sh"
need provider source target lsp2pdma
grep -q 'p2pdma_allow_host=[^, ]*:w' /proc/cmdline ||
	skip "the kernel wants the parameter pci=p2pdma_allow_host=, for writes only"
provider=$P2PMEM_PROVIDER
source=$(pci_of source)
target=$(pci_of target)
mib=4

digest() { dd if="$1" bs=1M count=$mib iflag=direct 2>/dev/null | sha256sum; }
available() { cat "/sys/bus/pci/devices/$provider/p2pmem/available"; }

# Into the memory, and what the BAR shows then
reads()
{
	quiet p2pmem_cp read "$P2PMEM_SOURCE" $mib "$provider" /tmp/memory
}

write_is_refused()
{
	p2pmem_cp copy "$P2PMEM_SOURCE" "$P2PMEM_TARGET" $mib "$provider" >/tmp/out 2>&1
	[ $? -eq 1 ] && grep -q "write at 0: Remote I/O error" /tmp/out && return
	sed 's/^/# /' /tmp/out
	return 1
}

logged()
{
	dmesg | grep "$1" >/tmp/out || { dmesg | tail -n 20 | sed 's/^/# /'; false; }
}

# A list of clients has no direction.
cfg=/sys/kernel/config/nvmet/subsystems/writes
list_is_refused()
{
	mkdir $cfg $cfg/namespaces/1
	printf %s "$P2PMEM_TARGET" >$cfg/namespaces/1/device_path
	echo "$provider" >$cfg/namespaces/1/p2pmem
	! { echo 1 >$cfg/namespaces/1/enable; } 2>/dev/null
}

plan 13
before=$(available)
result "what is allowed is said" \
	logged "p2pdma_allow_host: host bridge .* is taken to route writes from peer to peer"
result "lsp2pdma: writes only" says "$provider" "$source" \
	"verdict  through-host-writes-only, 4 hops: root complex routes writes only"
result "and in the matrix" eval 'lsp2pdma | grep -q " $source .* W4"'
p2pmem_cp fill "$P2PMEM_SOURCE" $mib >/dev/null
dd if=/dev/urandom of="$P2PMEM_TARGET" bs=1M count=$mib oflag=direct 2>/dev/null
unchanged=$(digest "$P2PMEM_TARGET")
result "the source is read into the memory" reads
result "which has its data" \
	[ "$(sha256sum </tmp/memory)" = "$(digest "$P2PMEM_SOURCE")" ]
result "the target is read into it" p2pmem_cp read "$P2PMEM_TARGET" $mib "$provider" /tmp/memory
result "which has that data" [ "$(sha256sum </tmp/memory)" = "$unchanged" ]
result "the target can't be written from it" write_is_refused
result "and has the data that it had" [ "$(digest "$P2PMEM_TARGET")" = "$unchanged" ]
result "the log says why" logged \
	"$target: P2PDMA: can't reach memory of $provider: root complex routes writes only (at "
result "a list of clients is refused" list_is_refused
result "reading goes on" reads
rmdir $cfg/namespaces/1 $cfg
result "nothing of the memory is lost" [ "$(available)" = "$before" ]
ktap_finished
