#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# compile_commands.json for clangd: of the files that are ours, at the place
# where they are edited.
# usage: compdb.sh FLAVOUR
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

flavour=${1:-plain}
python3 "$tree/scripts/clang-tools/gen_compile_commands.py" \
	-d "$out/$flavour" -o "$out/compile_commands.json" \
	"$out/$flavour/drivers/pci" >/dev/null 2>&1 || exit 0
python3 - "$root" "$tree" "$out/compile_commands.json" <<'EOF'
import json, os, sys

root, tree, path = sys.argv[1:]
ours = []
for entry in json.load(open(path)):
    name = os.path.relpath(
        os.path.normpath(os.path.join(entry["directory"], entry["file"])),
        tree)
    if os.path.exists(os.path.join(root, name)):
        entry["file"] = os.path.join(root, name)
        entry["command"] = entry["command"].replace(
            os.path.join(root, "harness/cc.sh"), "gcc", 1)
        head, _, _ = entry["command"].rpartition(" ")
        entry["command"] = head + " " + entry["file"]
        ours.append(entry)
json.dump(ours, open(os.path.join(root, "compile_commands.json"), "w"),
          indent=1)
EOF
