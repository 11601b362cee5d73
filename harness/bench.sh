#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the calls cost in instructions, in the untouched base kernel and in
# ours: the same module, the same made-up hierarchies, one table.
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"
only_x86 bench

here=$root/harness

"$here/deps.sh" run
"$here/prepare.sh"
"$here/build.sh" plain
"$here/build.sh" untouched
"$here/initramfs.sh"
for flavour in untouched plain; do
	"$here/initramfs.sh" bench "$flavour"
	step "bench-$flavour" "counting instructions in the $flavour kernel" \
		"$here/boot.sh" "bench-$flavour" "$flavour" none \
		bench kunit.enable=0 log_buf_len=16M
	step "cost-$flavour" "counting what users pay in the $flavour kernel" \
		"$here/boot.sh" "cost-$flavour" "$flavour" count cost \
		kunit.enable=0
	step "contend-$flavour" "timing four processors in the $flavour kernel" \
		"$here/boot.sh" "contend-$flavour" "$flavour" smp \
		bench kunit.enable=0 log_buf_len=16M
done
python3 "$here/bench/table.py" "$logs"
