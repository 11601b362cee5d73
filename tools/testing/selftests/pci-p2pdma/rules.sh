#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The rules as lsp2pdma has them against the kernel's answers, of each ordered
# pair of functions: judged by the registers of this machine, by its dump, and by
# lspci's text. Then registers change, and both follow. For any topology.
. "$(dirname "$0")/lib.sh"
need lsp2pdma lspci setpci /dev/pci_p2pdma
devices=/sys/bus/pci/devices

# Ports beyond these are not written to: a write is two matrices.
max_ports=6

# answers FROM FILE [option...]: a line for each pair, if they are from there
answers()
{
	from=$1 file=$2
	shift 2
	lsp2pdma "$@" -a -j matrix >/tmp/matrix 2>/tmp/err ||
		sed 's/^/# /' /tmp/err
	sed -n "s/^\({\"provider\":.*\),\"source\":\"$from\"}.*/\1/p" \
		/tmp/matrix >"$file"
}

# agree KERNEL RULES: the same, but where the kernel knows of the client's struct
# device what no register tells: the DMA mask, and that DMA is bounced
agree()
{
	set -- "$1" "$2" "$devices"/*
	awk -F'"' -v functions=$(($# - 2)) '
	FILENAME == ARGV[1] {
		kernel++
		if (/addresses don.t fit the DMA mask/ ||
		    /DMA is bounced through host memory/)
			aside[$4, $8] = 1
		else
			answer[$4, $8] = $0
		next
	}
	{ rules++ }
	($4, $8) in aside { next }
	$0 == answer[$4, $8] { same++; next }
	++others <= 5 {
		print "# kernel " answer[$4, $8]
		print "# rules  " $0
	}
	END {
		printf "# %d pairs, %d by the rules, %d agree, %d differ\n",
		       kernel, rules, same, others
		exit !(same && !others && kernel == rules &&
		       kernel == functions * functions)
	}' "$1" "$2"
}

# What lspci shows nothing of
facts()
{
	awk -F': ' '
	/^vendor_id/ { amd = $2 == "AuthenticAMD" }
	/^cpu family/ { family = $2 }
	/^$/ { exit }
	END { printf "encrypted=no,zen=%s", (amd && family >= 23) ? "yes" : "no" }' /proc/cpuinfo
	grep -qs '^DMA' /sys/kernel/iommu_groups/*/type &&
		printf ",iommu=yes" || printf ",iommu=no"
	grep -qsx PNP0A03 /sys/devices/pci*/firmware_node/hid &&
		printf ",conventional=yes" || printf ",conventional=no"
}

allowed() { sed -n 's/.*p2pdma_allow_host=\([^, ]*\).*/\1/p' /proc/cmdline; }

from_text()
{
	hosts=$(allowed)
	lspci -xxxx >/tmp/text
	answers rules /tmp/rules -i /tmp/text -A "$(facts)" ${hosts:+-H "$hosts"} -R
	agree /tmp/kernel /tmp/rules
}

from_dump()
{
	lsp2pdma dump >/tmp/dump
	answers rules /tmp/rules -i /tmp/dump -R
	agree /tmp/kernel /tmp/rules
}

live()
{
	answers kernel /tmp/kernel
	answers rules /tmp/rules -R
	agree /tmp/kernel /tmp/rules
}

# Bridges whose ACS can redirect
ports()
{
	for port in "$devices"/*; do
		read -r class <"$port/class"
		port=${port##*/}
		[ "$class" = 0x060400 ] || continue
		cap=$(setpci -s "$port" ECAP_ACS+4.w 2>/dev/null)
		[ -n "$cap" ] && [ $((0x$cap & 0x0c)) -eq 12 ] && echo "$port"
	done | head -n $max_ports
}

# Are two of them on one bus that isn't a root bus: in a switch?
in_switch()
{
	for port; do
		case $(port_above "$port") in
		pci*) ;;
		*) echo "${port%:*}" ;;
		esac
	done | sort | uniq -d | grep -q .
}

# follows PORT: redirection is turned over and back
follows()
{
	cp /tmp/kernel /tmp/before
	was=$(setpci -s "$1" ECAP_ACS+6.w)
	setpci -s "$1" "ECAP_ACS+6.w=$(printf %04x $((0x$was ^ 0x0c)))"
	live
	status=$?
	setpci -s "$1" "ECAP_ACS+6.w=$was"
	cmp -s /tmp/kernel /tmp/before || changed=$((changed + 1))
	live && cmp -s /tmp/kernel /tmp/before && [ $status -eq 0 ]
}

all_follow()
{
	changed=0
	for port; do
		follows "$port" || return
	done
	echo "# $changed of $# writes have changed an answer"
	[ $changed -gt 0 ] || ! in_switch "$@"
}

# set_vfs NUMBER: of all drives that have some, without drivers
set_vfs()
{
	for pf in "$devices"/*; do
		[ -e "$pf/sriov_numvfs" ] || continue
		[ "$1" -eq 0 ] || echo 0 >"$pf/sriov_drivers_autoprobe"
		echo "$1" >"$pf/sriov_numvfs"
		[ "$1" -ne 0 ] || echo 1 >"$pf/sriov_drivers_autoprobe"
	done
}

plan 4
set_vfs 2
result "each pair, by this machine's registers" live
result "by its dump" from_dump
result "by lspci's text, and what that doesn't show: $(facts)" from_text
# shellcheck disable=SC2046
result "both follow what is written to ports" all_follow $(ports)
set_vfs 0
ktap_finished
