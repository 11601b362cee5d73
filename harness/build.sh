#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build a kernel of the prepared tree.
# usage: build.sh plain|debug|kcsan|off|64k|plain-broken|debug-broken|lint|untouched|coverage|users
#   off: like plain, with CONFIG_PCI_P2PDMA=n
#   64k: like plain, with larger pages, where the architecture has them
#   plain-broken, debug-broken: with the defects of breaks.patch, for
#        p2pdma.break= to choose from
#   lint: like plain; our objects only, with W=1 and sparse
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
plain | plain-broken | lint) fragments=("$configs"/{plain,net,life}.config) ;;
debug | debug-broken) fragments=("$configs"/{plain,life,debug}.config) ;;
kcsan) fragments=("$configs"/{plain,kcsan}.config) ;;
off) fragments=("$configs"/{plain,net,life,off}.config) ;;
untouched) fragments=("$configs"/{plain,net,life,untouched}.config) ;;
coverage) fragments=("$configs"/{plain,coverage}.config) ;;
users) fragments=("$configs"/{plain,users}.config) ;;
64k)
	[[ -f $configs/64k-$arch.config ]] ||
		die "ARCH=$arch has pages of one size only: FLAVOUR=plain"
	fragments=("$configs"/{plain,"64k-$arch"}.config)
	;;
*) die "no such kernel: $flavour" ;;
esac
case $flavour in
kcsan | coverage | users | 64k) ;;
*)
	[[ ! -f $configs/storage-$base.config ]] ||
		fragments+=("$configs/storage-$base.config")
	;;
esac
[[ ! -f $configs/${flavour%-broken}-$base.config ]] ||
	fragments+=("$configs/${flavour%-broken}-$base.config")
# What an architecture has of one
all=("${fragments[@]}") fragments=()
for fragment in "${all[@]}"; do
	fragments+=("$fragment")
	[[ ! -f ${fragment%.config}-$arch.config ]] ||
		fragments+=("${fragment%.config}-$arch.config")
done
image=$out/$flavour/$arch_image

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

break_tree()
{
	local broken=$out/tree-broken

	rm -rf "$broken"
	cp -al "$tree" "$broken"
	patch -d "$broken" -p1 -F0 -s -r - <"$root/harness/breaks.patch"
}

# Our objects at W=1, and by sparse; from nothing, for all that there is to say
lint_objects()
{
	local list

	mapfile -t list < <(our_sources | sed 's/c$/o/')
	(cd "$out/lint" && rm -f "${list[@]}")
	kernel_make lint W=1 C=1 CF=-D__CHECK_ENDIAN__ "${list[@]}"
}

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
case $flavour in
off | lint) begin_with plain "$flavour" ;;
*-broken)
	step "break-$flavour" "putting the deliberate breaks in" break_tree
	begin_with "${flavour%-broken}" "$flavour"
	;;
esac
step "config-$flavour" "configuring the $flavour kernel" configure
case $flavour in
users)
	mapfile -t users < <(users_here)
	step "build-$flavour" "compiling the drivers that no test runs" \
		kernel_make "$flavour" W=1 "${users[@]}"
	;;
lint)
	step "build-$flavour" "compiling our files at W=1, with sparse" \
		lint_objects
	;;
*)
	step "build-$flavour" "building the $flavour kernel" \
		kernel_make "$flavour" "${variables[@]}" "$(basename "$image")" modules || {
		# Nothing is tested that isn't of these sources.
		rm -f "$image"
		exit 1
	}
	;;
esac
