#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build a kernel of the prepared tree.
# usage: build.sh plain|debug|kcsan|off|untouched|coverage|users
#   off: like plain, with CONFIG_PCI_P2PDMA=n
#   untouched: the base as it is, for comparison
#   coverage: like plain, with gcov for our files
#   users: not a kernel, but the files that we change in drivers which aren't
#          in the others
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

load_base
flavour=${1:-plain}
configs=$root/harness/configs
case $flavour in
plain) fragments=("$configs"/{plain,net}.config) ;;
debug) fragments=("$configs"/{plain,debug}.config) ;;
kcsan) fragments=("$configs"/{plain,kcsan}.config) ;;
off) fragments=("$configs"/{plain,net,off}.config) ;;
untouched) fragments=("$configs"/{plain,net,untouched}.config) ;;
coverage) fragments=("$configs"/{plain,coverage}.config) ;;
users) fragments=("$configs"/{plain,users}.config) ;;
*) die "usage: build.sh plain|debug|kcsan|off|untouched|coverage|users" ;;
esac
[[ ! -f $configs/$flavour-$base.config ]] ||
	fragments+=("$configs/$flavour-$base.config")

users=(
	drivers/accel/habanalabs/common/memory.o
	drivers/gpu/drm/amd/amdgpu/amdgpu_device.o
	drivers/gpu/drm/amd/amdgpu/amdgpu_dma_buf.o
	drivers/gpu/drm/xe/xe_dma_buf.o
)

# Of the drivers above, those that this base has
users_here()
{
	local object

	for object in "${users[@]}"; do
		if [[ -f $tree/${object%.o}.c ]]; then
			printf '%s\n' "$object"
		fi
	done
}

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
	ABSENT="${ABSENT:-} $base_absent" \
		verify_config "$out/$flavour/.config" "${fragments[@]}"
	printf '%s\n' "$stamp" >"$out/$flavour/config.stamp"
}

lock "$flavour"
# A debug kernel's has 283 MB.
[[ -f $out/$flavour/vmlinux ]] || need_space 500 "building a kernel"
step "config-$flavour" "configuring the $flavour kernel" configure
if [[ $flavour == users ]]; then
	mapfile -t users < <(users_here)
	step "build-$flavour" "compiling the drivers that no test runs" \
		kernel_make "$flavour" W=1 "${users[@]}"
	exit
fi
step "build-$flavour" "building the $flavour kernel with $jobs jobs" \
	kernel_make "$flavour" "${variables[@]}" bzImage modules
