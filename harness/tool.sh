#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# lsp2pdma's own tests, with made-up machines, on the host; once more under the
# address sanitizer where input is damaged.
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

load_base
sanitized=$out/lsp2pdma-sanitized
step tool "building lsp2pdma" make_tool "$out/lsp2pdma"
step tool-sanitized "building lsp2pdma with sanitizers" make_tool "$sanitized" \
	CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined'
"$tree/tools/pci/lsp2pdma/tests/run.sh" "$out/lsp2pdma/lsp2pdma" \
	"$out/lsp2pdma-tests" "$sanitized/lsp2pdma"
