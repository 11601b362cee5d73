#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Lines and branches that the tests run: KUnit and the selftests in one boot of
# a kernel whose own files are built with gcov.
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"
only_x86 coverage

here=$root/harness
data=$out/gcov

collect()
{
	rm -rf "$data"
	mkdir -p "$data"
	sed -n '/^# coverage begins/,/^# coverage ends/p' "$logs/cover.report" |
		grep -v '^#' | base64 -d | tar -C "$data" -xz
	cp "$out"/coverage/drivers/pci/p2pdma*.gcno "$data/"
}

# One line for each file: of its lines and branches those that were run
table()
{
	local file

	cd "$data"
	printf '%-22s %18s %26s\n' file 'lines run' 'branches taken'
	for file in *.gcno; do
		gcov -b -o . "${file%.gcno}.gcda" 2>/dev/null |
			python3 "$here/cover.py" "${file%.gcno}.c"
	done
}

"$here/deps.sh" check
"$here/prepare.sh"
"$here/build.sh" coverage
"$here/initramfs.sh" full
"$here/initramfs.sh" modules coverage
step cover "running KUnit and the selftests" \
	env TIMEOUT=900 "$here/boot.sh" cover coverage shm cover "kunit.filter_glob=p2pdma*" \
	"pci=p2pdma_allow_host=1234:5678;nonsense"
grep '^# [a-z0-9_ ]*: ' "$logs/cover.report" | sed 's/^# /  /'
collect
table
say "lines with their counts: $data/*.gcov"
