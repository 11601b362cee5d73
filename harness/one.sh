#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One kind of test, for the loop of edit and test.
# usage: one.sh kunit FLAVOUR TOPOLOGY [SUITE]
#        one.sh selftest FLAVOUR TOPOLOGY [PROGRAM]
#        one.sh jobs FLAVOUR TOPOLOGY JOBS
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

here=$root/harness kind=$1 flavour=$2 topology=$3 what=${4:-}
name=one-$flavour status=0

if [[ $kind == kunit ]]; then
	topology=bare
	"$here/initramfs.sh"
	SUITE=${what:-p2pdma*} "$here/guest.sh" "$name" "$flavour" "$topology" \
		kunit || status=$?
	cat "$logs/$name.results"
	exit "$status"
fi
if [[ $kind == selftest ]]; then
	[[ -n $what ]] || what=p2pmem_sysfs+p2pmem_copy+p2pmem_lifecycle+p2pmem_query
	"$here/initramfs.sh"
else
	"$here/initramfs.sh" full
fi
"$here/initramfs.sh" modules "$flavour"
"$here/guest.sh" "$name" "$flavour" "$topology" "$what" || status=$?
grep '^\(not \)\?ok \|^# job \|:Expected\|terminated by' "$logs/$name.report" || true
exit "$status"
