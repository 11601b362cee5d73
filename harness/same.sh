#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Enabling changes nothing until it is used: a kernel with CONFIG_PCI_P2PDMA=y
# and one with =n, on the same machine without a provider, have the same boot
# log, ACS registers, IOMMU groups, memory use, sysfs and devices (same.py says
# what is permitted to differ). Wants both kernels and the full initramfs.
# The last line has counts.
set -euo pipefail
# shellcheck source=harness/tests.sh
. "$(dirname "$0")/tests.sh"

sections=(log acs groups memory image sysfs dev resources config threads modules)

# facts NAME FLAVOUR TOPOLOGY [kernel parameter...]
facts()
{
	"$root/harness/boot.sh" "same-$1" "$2" "$3" facts kunit.enable=0 "${@:4}"
	check "$2 kernel, topology $3${4:+, $4}: boots" \
		python3 "$root/harness/judge.py" "$tree" "$logs" "same-$1"
}

# compare NAME A FLAVOUR-A B FLAVOUR-B
compare()
{
	compared=$logs/same-$1.compared
	MEMORY_NOISE=$base_memory_noise "$root/harness/same.py" "$logs" "same-$2" "$out/$3/System.map" \
		"same-$4" "$out/$5/System.map" >"$compared" ||
		say "can't compare $2 and $4" | tee "$compared"
}

# details SECTION: what same.py says of it
details()
{
	awk -v section="$1" \
		'/^[a-z]/ { on = ($1 == section) } on' "$compared" | sed 's/^/    /'
}

# is SECTION same|differs
is()
{
	grep -q "^$1 $2$" "$compared" && return
	details "$1" | head -n 20
	return 1
}

# all_same TEXT: in each section
all_same()
{
	local section

	for section in "${sections[@]}"; do
		check "$1: same $section" is "$section" same
	done
}

# on TOPOLOGY
on()
{
	say "- CONFIG_PCI_P2PDMA=y and =n, topology $1"
	facts "n-$1" off "$1"
	facts "y-$1" plain "$1"
	compare "$1" "n-$1" off "y-$1" plain
	all_same "=y and =n"
	# The figures, whatever comes out
	details image
	details memory
}

on idle
on idle-iommu
on idle-drives

say "- the same kernel twice: what the comparison takes for equal"
facts again off idle-iommu
compare again n-idle-iommu off again off
all_same "=n twice"

say "- negative controls of the comparison"
CMB=16 facts cmb plain idle-drives
compare cmb n-idle-drives off cmb plain
for section in log memory sysfs config resources; do
	check "a provider: other $section" is "$section" differs
done
facts redir plain idle-iommu "pci=disable_acs_redir=02:00.0;02:01.0"
compare redir n-idle-iommu off redir plain
for section in log acs groups memory config; do
	check "ACS redirection taken off: other $section" is "$section" differs
done

verdict
