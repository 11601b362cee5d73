#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# pci=p2pdma_allow_host= with all that can be wrong with it. make check has the
# parameter. Its first item may come to be here, its last one is here: these two
# are allowed.
. "$(dirname "$0")/lib.sh"
need parameter=p2pdma_allow_host=1234:5678
items=$(sed -n 's/.*p2pdma_allow_host=\([^, ]*\).*/\1/p' /proc/cmdline | tr ';' ' ')
here=${items##* }
taken="is taken to route reads and writes from peer to peer; if it does not, data is lost"

messages() { dmesg | sed -n 's/.*PCI: p2pdma_allow_host: //p'; }
said() { [ "$(messages | grep -cF "$1")" -eq 1 ]; }

wanted()
{
	printf '1234:5678 is no host bridge here (yet)'
	for item in $items; do
		case $item in
		1234:5678 | "$here") ;;
		*) printf ', %s is not VVVV:DDDD or VVVV:DDDD:w' "$item" ;;
		esac
	done
}

# One message; what it has no room for is counted.
complains()
{
	said=$(messages | grep "is not VVVV:DDDD")
	more=${said##*, and }
	named=${said%, and *}
	rest=$(wanted)
	rest=${rest#"$named"}
	[ "$(echo "$said" | wc -l)" -eq 1 ] && [ ${#named} -ge 800 ] &&
		[ "$(echo "$rest" | grep -o ", [^,]* is not" | wc -l) more" = "$more" ] &&
		return
	echo "# $said"
	return 1
}

plan 7
result "what is allowed is said" said "host bridge $here $taken"
result "also of what is not here yet" said "host bridge 1234:5678 $taken"
result "and of nothing else" eval '[ "$(messages | grep -c "is taken to route")" -eq 2 ]'
result "what is not as it should be is said in one message" complains
result "that the option was given twice is said" \
	said "given more than once: only the last one counts"
result "what else follows in the option is not part of it" \
	eval '! messages | grep -q noaer'
result "the kernel is tainted" eval '[ $(($(cat /proc/sys/kernel/tainted) & 64)) = 64 ]'
ktap_finished
