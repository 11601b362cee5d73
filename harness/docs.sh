#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build the pages of ours as the kernel's "make htmldocs" does, with the pages
# beside them, and look at what there is to say about it: warnings of
# Sphinx, of kernel-doc, of the manual page and of the ABI entries; names in
# the page that don't exist; calls that it doesn't sort by locking context.
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

page=Documentation/driver-api/pci/p2pdma.rst
directories=driver-api/pci
[[ ! -f $tree/Documentation/block/p2pdma.rst ]] || directories+=" block"
ours='p2pdma|p2pmem|samples/pci-'
built=$out/docs
html=$built/Documentation/output/driver-api/pci/p2pdma.html
problems=0

problem()
{
	say "  $*"
	((++problems))
}

# From nothing each time: what was read before isn't warned about again.
build_page()
{
	rm -rf "$built"
	mkdir -p "$built"
	make -C "$tree" O="$built" SPHINXDIRS="$directories" htmldocs
	[[ -s $html ]]
}

# Of base files they are told, and not counted.
sphinx_warnings()
{
	local line others=0

	while IFS= read -r line; do
		if [[ $line =~ $ours ]]; then
			problem "${line#"$tree/"}"
		else
			((++others))
		fi
	done < <(grep -iE 'warning|error' "$logs/htmldocs.log")
	say "  warnings of other pages, and of Sphinx itself: $others"
}

# Paths that the page names, but for those of a running system
missing_files()
{
	local path

	while IFS= read -r path; do
		[[ -e $tree/${path%[.,]} ]] || problem "$page: there is no $path"
	done < <(grep -oE '\b(Documentation|drivers|include|samples|tools)/[A-Za-z0-9_./-]+' \
		"$tree/$page" | sort -u)
}

# Our calls: a name that exists has become a link to its contract.
calls()
{
	grep -oE '\b(pci_\w*p2p(dma|mem)\w*)\(' "$1" | tr -d '(' | sort -u
}

broken_calls()
{
	local call

	while IFS= read -r call; do
		grep -q "id=\"c\.$call\"" "$html" ||
			problem "$page: there is no $call()"
	done < <(calls "$tree/$page")
}

unsorted_calls()
{
	local call

	sed -n '/^The API by locking context/,/^Which paths/p' "$tree/$page" \
		>"$built/sorted"
	while IFS= read -r call; do
		grep -q "^ \* $call()" "$built/sorted" ||
			problem "$page: $call() isn't sorted by locking context"
	done < <(calls "$tree/include/linux/pci-p2pdma.h")
}

man_page()
{
	local line

	while IFS= read -r line; do
		problem "$line"
	done < <(groff -ww -man -Tutf8 "$tree/tools/pci/lsp2pdma/lsp2pdma.8" 2>&1 >/dev/null)
}

# What users see, in sysfs and in /dev
abi_names()
{
	sed -nE 's|.*DEVICE_ATTR_[A-Z]+\((\w+)\).*|/sys/bus/pci/devices/.../p2pmem/\1|p
		 s|.*\.attr = \{ \.name = "(\w+)".*|/sys/bus/pci/devices/.../p2pmem/\1|p' \
		"$tree/drivers/pci/p2pdma_sysfs.c"
	sed -nE 's|^\s\.name = "(\w+)",|/dev/\1|p' "$tree/drivers/pci/p2pdma_query.c"
}

abi_entries()
{
	local line

	while IFS= read -r line; do
		grep -qrP "^What:\t+\Q$line\E$" "$tree/Documentation/ABI/testing" ||
			problem "Documentation/ABI: there is no entry for $line"
	done < <(abi_names)
	while IFS= read -r line; do
		problem "$line"
	done < <("$tree/scripts/get_abi.pl" --dir "$tree/Documentation/ABI" \
		validate 2>&1 | grep -E "$ours|sysfs-bus-pci")
}

step htmldocs "building $page with Sphinx" build_page
sphinx_warnings
missing_files
broken_calls
unsorted_calls
man_page
abi_entries
if ((problems)); then
	say "FAILED: $problems problems in the documentation"
	exit 1
fi
say "PASSED: no warning, and no name that doesn't exist; $html"
