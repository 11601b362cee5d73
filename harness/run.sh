#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Show the main job, from a fresh checkout to a verdict.
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"
load_base

here=$(dirname "$0")

"$here/deps.sh" run
"$here/prepare.sh"
"$here/build.sh" plain
"$here/initramfs.sh"
# Where users can't map p2pmem, a module copies.
! reason_left_out drivers/pci/p2pdma_mmap.c >/dev/null ||
	"$here/initramfs.sh" modules plain
# It tells how long it took in all.
SECONDS=$SECONDS "$here/demo.sh" run plain
