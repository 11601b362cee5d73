#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tracepoints: what a find, a verdict and a mapping leave behind, and how many
# bytes went which way. For the topology "switch", in the debug kernel.
. "$(dirname "$0")/lib.sh"
need provider source target acs setpci /sys/kernel/debug/tracing/events/pci_p2pdma
tracing=/sys/kernel/tracing
events=$tracing/events/pci_p2pdma
provider=$P2PMEM_PROVIDER
source=$(pci_of source)
target=$(pci_of target)
port=$(port_above "$source")
root_port=$(root_above "$source")
cfg=/sys/kernel/config/nvmet/subsystems/trace
mib=2
bytes=$((mib * 1024 * 1024))

show() { sed 's/^/# /' "$1"; false; }
traced() { grep -q "$1" $tracing/trace || show $tracing/trace; }
copies() { p2pmem_cp copy "$P2PMEM_SOURCE" "$P2PMEM_TARGET" $mib "$provider" >/dev/null 2>&1; }
clear_trace() { echo >$tracing/trace; }

# mapped CLIENT TYPE: bytes of all events; a request may be several
mapped()
{
	sed -n "s/.* p2pdma_map: provider=$provider client=$1 type=$2 bytes=//p" \
		$tracing/trace | awk '{ n += $1 } END { print n + 0 }'
}

# counted CLIENT: by the histogram. 2 is PCI_P2PDMA_MAP_BUS_ADDR.
counted()
{
	pair="provider: $provider *, client: $1 *, type: *2"
	grep -q "$pair } hitcount: *[0-9]* *bytes: *$bytes\$" \
		$events/p2pdma_map/hist || show $events/p2pdma_map/hist
}

mount -t tracefs none $tracing
echo 1 >$events/enable
mkdir $cfg $cfg/namespaces/1
printf %s "$P2PMEM_TARGET" >$cfg/namespaces/1/device_path
echo 1 >$cfg/namespaces/1/p2pmem
p2pmem_cp fill "$P2PMEM_SOURCE" $mib >/dev/null
if [ -e $events/p2pdma_map/hist ]; then plan 15; else plan 12; fi
echo 1 >$cfg/namespaces/1/enable
result "a find" traced "p2pdma_find: provider=$provider distance=4 considered=1"
result "its verdict" traced "p2pdma_verdict: provider=$provider client=$target \
type=bus-address distance=4 reason=common-bridge at=."
echo 0 >$cfg/namespaces/1/enable
clear_trace
lsp2pdma explain "$provider" "$target" >/dev/null
result "a user's query" traced "p2pdma_verdict: provider=$provider client=$target type=bus-address "

clear_trace
result "a copy" copies
result "all that the source wrote is mapped" [ "$(mapped "$source" bus-address)" = $bytes ]
result "all that the target read is mapped" [ "$(mapped "$target" bus-address)" = $bytes ]
result "of mappings only refusals have a verdict" eval '! grep p2pdma_verdict $tracing/trace'

setpci -s "$port" ECAP_ACS+6.w=0004
clear_trace
result "redirected: nothing is copied" eval '! copies'
result "the verdict of that" traced "p2pdma_verdict: provider=$provider client=$source \
type=not-supported distance=0 reason=no-upstream-forwarding at=$root_port"
result "it is counted as not supported" [ "$(mapped "$source" not-supported)" -gt 0 ]
result "and nothing as mapped" [ "$(mapped "$source" bus-address)" = 0 ]
setpci -s "$root_port" ECAP_ACS+6.w=0010
copies
result "the verdict, when it is forwarded" traced "client=$source \
type=not-supported distance=0 reason=acs-req-redir at=$port"
setpci -s "$root_port" ECAP_ACS+6.w=0000
setpci -s "$port" ECAP_ACS+6.w=0000

# The recipe of the documentation
if [ -e $events/p2pdma_map/hist ]; then
	echo 'hist:keys=provider,client,type:vals=bytes' >$events/p2pdma_map/trigger
	result "a copy that is counted" copies
	result "bytes of the source" counted "$source"
	result "bytes of the target" counted "$target"
fi
rmdir $cfg/namespaces/1 $cfg
