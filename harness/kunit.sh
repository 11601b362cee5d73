#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The suites by the kernel's own command, as the page for driver authors gives
# it. Its configuration by itself must be valid; and since a kernel of it is
# another one to build, the suites run in a copy of the plain kernel, which has
# all of it: kunit.py takes it for the kernel that it has built before.
set -euo pipefail
# shellcheck source=harness/tests.sh
. "$(dirname "$0")/tests.sh"

# kunit VERB DIRECTORY [argument...]
kunit()
{
	local verb=$1 dir=$2
	shift 2

	(cd "$tree" && reproducibly ./tools/testing/kunit/kunit.py "$verb" \
		--kunitconfig=drivers/pci/tests --arch=x86_64 \
		--build_dir="$dir" --make_options CC="$root/harness/cc.sh" \
		--make_options 'HOSTCC=ccache gcc' "$@")
}

# Everything has run, and nothing was skipped: kunit.py doesn't mind.
ran()
{
	kunit run "$out/kunit" --timeout=900 --qemu_args='-smp 2' \
		--raw_output=kunit 'p2pdma*' >"$logs/kunit-py.out" || return
	(cd "$tree" && ./tools/testing/kunit/kunit.py parse <"$logs/kunit-py.out") |
		tail -n 2 | tee "$logs/kunit-py.log"
	grep -qE 'Ran [0-9]+ tests: passed: [0-9]+$' "$logs/kunit-py.log"
}

rm -rf "$out/kunit" "$out/kunit-config"
mkdir "$out/kunit-config"
begin_with plain kunit
cat "$tree/drivers/pci/tests/.kunitconfig" - >"$out/kunit/last_used_kunitconfig" <<END
CONFIG_SERIAL_8250=y
CONFIG_SERIAL_8250_CONSOLE=y
END
check "the configuration is valid" kunit config "$out/kunit-config"
check "all suites pass" ran
verdict
