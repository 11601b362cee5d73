#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A copy from drive to drive through the provider's memory: all of it arrives
# or, where the drives don't reach the provider, nothing does. For bases
# without user mappings: others have p2pmem_copy.
. "$(dirname "$0")/lib.sh"
need provider source target
mib=4

digest()
{
	dd if="$1" bs=1M count=$mib iflag=direct 2>/dev/null | sha256sum
}

copy()
{
	p2pmem_cp copy "$P2PMEM_SOURCE" "$P2PMEM_TARGET" $mib \
		"$P2PMEM_PROVIDER" >/tmp/copy 2>&1
	status=$?
	sed 's/^/# /' /tmp/copy
	return $status
}

arrives()
{
	copy && [ "$(digest "$P2PMEM_SOURCE")" = "$(digest "$P2PMEM_TARGET")" ]
}

refused()
{
	! copy && grep -q "read at 0: Remote I/O error" /tmp/copy &&
		[ "$(digest "$P2PMEM_TARGET")" = "$empty" ]
}

as_reachable()
{
	if [ "$P2PMEM_REACHABLE" = 1 ]; then arrives; else refused; fi
}

available()
{
	cat "/sys/bus/pci/devices/$P2PMEM_PROVIDER/p2pmem/available"
}

plan 3
before=$(available)
result "the source is filled" p2pmem_cp fill "$P2PMEM_SOURCE" $mib
dd if=/dev/zero of="$P2PMEM_TARGET" bs=1M count=$mib oflag=direct 2>/dev/null
empty=$(digest "$P2PMEM_TARGET")
result "data arrives, or is refused: as the provider is reachable" as_reachable
result "nothing of the memory is lost" [ "$(available)" = "$before" ]
ktap_finished
