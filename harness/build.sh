#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build a kernel of the prepared tree.
# usage: build.sh plain|debug|kcsan|off|untouched|coverage
#   off: like plain, with CONFIG_PCI_P2PDMA=n
#   untouched: the base as it is, for comparison
#   coverage: like plain, with gcov for our files
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

flavour=${1:-plain}
configs=$root/harness/configs
case $flavour in
plain) fragments=("$configs/plain.config") ;;
debug) fragments=("$configs/plain.config" "$configs/debug.config") ;;
kcsan) fragments=("$configs/plain.config" "$configs/kcsan.config") ;;
off) fragments=("$configs/plain.config" "$configs/off.config") ;;
untouched) fragments=("$configs/plain.config" "$configs/untouched.config") ;;
coverage) fragments=("$configs/plain.config" "$configs/coverage.config") ;;
*) die "usage: build.sh plain|debug|kcsan|off|untouched|coverage" ;;
esac

# "GCOV_PROFILE_x.o=y" for each of our files is a variable of the kernel's make.
variables=()
[[ $flavour != coverage ]] || mapfile -t variables < <(
	cd "$root/drivers/pci" && find . -maxdepth 1 -name 'p2pdma*.c' \
		-printf 'GCOV_PROFILE_%f\n' | sed 's/c$/o=y/')

configure()
{
	local stamp

	mkdir -p "$out/$flavour"
	stamp=$(cat "${fragments[@]}" "$(tree_of "$flavour")/drivers/pci/Kconfig" \
		"$tree/Makefile" | sha256sum)
	[[ -f $out/$flavour/.config && -f $out/$flavour/config.stamp &&
	   $(cat "$out/$flavour/config.stamp") == "$stamp" ]] && return
	kernel_make "$flavour" -s tinyconfig
	cat "${fragments[@]}" >>"$out/$flavour/.config"
	kernel_make "$flavour" -s olddefconfig
	verify_config "$out/$flavour/.config" "${fragments[@]}"
	printf '%s\n' "$stamp" >"$out/$flavour/config.stamp"
}

lock "$flavour"
# A debug kernel's has 283 MB.
[[ -f $out/$flavour/vmlinux ]] || need_space 500 "building a kernel"
step "config-$flavour" "configuring the $flavour kernel" configure
step "build-$flavour" "building the $flavour kernel with $jobs jobs" \
	kernel_make "$flavour" "${variables[@]}" bzImage modules
