#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the guest's file system: busybox, the jobs, the selftests. With "full"
# also what only the checks need: pciutils, nvme-cli and, in archives of their own,
# since they are large, fio and what makes arrays and file systems. "modules": test
# modules for one kernel, likewise.
# usage: initramfs.sh [full | modules FLAVOUR | bench FLAVOUR]
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"
load_base

guest=$out/guest
selftests=$tree/tools/testing/selftests

# The guest's programs are this machine's, or of another architecture: deps.sh
# has unpacked those.
sysroot=''
! is_foreign || sysroot=$out/sysroot

# libraries_of PROGRAM: shared ones, paths in the sysroot
libraries_of()
{
	local name

	if [[ -z $sysroot ]]; then
		ldd "$1" 2>/dev/null | grep -o '/[^ )]*'
		return
	fi
	"${arch_cross}readelf" -l "$1" | sed -n 's/.*interpreter: \(.*\)\]/\1/p'
	"${arch_cross}readelf" -d "$1" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
		while IFS= read -r name; do
			find "$sysroot/lib" "$sysroot/usr/lib" -name "$name" -printf '%p\n' |
				head -n 1 | sed "s|^$sysroot||"
		done
}

# add_libraries DIR PROGRAM: those that it needs, and those that they need
add_libraries()
{
	local dir=$1 lib

	while IFS= read -r lib; do
		[[ ! -e $dir$lib ]] || continue
		mkdir -p "$dir$(dirname "$lib")"
		cp "$sysroot$lib" "$dir$lib"
		[[ -z $sysroot ]] || add_libraries "$dir" "$sysroot$lib"
	done < <(libraries_of "$2")
}

# add_program DIR PROGRAM: with the shared libraries that it needs
add_program()
{
	local dir=$1 program=$2

	[[ $program == /* ]] ||
		program=$(PATH=$sysroot/usr/sbin:$sysroot/usr/bin:$sysroot/sbin:$sysroot/bin \
			type -P "$program")
	cp "$program" "$dir/bin/"
	add_libraries "$dir" "$program"
}

install_selftests()
{
	# Of the kernel's headers, the one that the system doesn't have
	mkdir -p "$out/headers/usr/include/linux"
	cp "$tree/include/uapi/linux/pci-p2pdma.h" "$out/headers/usr/include/linux/"
	make -C "$selftests" O="$out/headers" TARGETS=pci-p2pdma ARCH="$arch" \
		CC="ccache ${arch_cross}gcc" INSTALL_PATH="$guest/selftests" install
}

# Modules are built for a kernel, in a directory that make may write to.
# build_modules FLAVOUR SOURCES NAME DIRECTORY
build_modules()
{
	local flavour=$1 sources=$2 built=$out/$1-modules/$3

	mkdir -p "$built"
	rsync -rc "$sources/" "$built/"
	kernel_make "$flavour" M="$built" modules
	cp "$built/"*.ko "$4/"
}

fill_guest()
{
	rm -rf "$guest"
	mkdir -p "$guest"/{bin,sbin,dev,proc,sys,tmp,jobs}
	cp "$sysroot/bin/busybox" "$guest/bin/"
	for applet in $(/bin/busybox --list); do
		ln -s busybox "$guest/bin/$applet" 2>/dev/null || true
	done
	cp "$root/harness/guest/init" "$guest/init"
	cp "$root"/harness/guest/jobs/* "$guest/jobs/"
	install_selftests
}

# The operator's tool, with the sysroot's libpci
make_lsp2pdma()
{
	local cross=() libs

	if [[ -n $sysroot ]]; then
		libs=$(basename "$arch_cross" -)
		cross=(
			CC="ccache ${arch_cross}gcc"
			LDFLAGS="-Wl,-rpath-link,$sysroot/usr/lib/$libs:$sysroot/lib/$libs"
			PKG_CONFIG="env PKG_CONFIG_SYSROOT_DIR=$sysroot PKG_CONFIG_LIBDIR=$sysroot/usr/lib/$libs/pkgconfig pkg-config"
		)
	fi
	make_tool "$out/lsp2pdma" "${cross[@]}"
}

fill_full()
{
	rm -f "$guest"/bin/{lspci,setpci}
	add_program "$guest" lspci
	add_program "$guest" setpci
	add_program "$guest" nvme
	add_program "$guest" rdma
	make_lsp2pdma
	add_program "$guest" "$out/lsp2pdma/lsp2pdma"
	make_tools fio fio
	make_tools storage mdadm dmsetup mkfs.ext4 mkfs.xfs
}

fill_modules()
{
	local tests=$2/selftests/pci-p2pdma/test_modules

	mkdir -p "$tests" "$2/modules"
	build_modules "$1" "$root/harness/control" control "$2/modules"
	build_modules "$1" "$selftests/pci-p2pdma/test_modules" test_modules \
		"$tests"
	# The samples
	kernel_make "$1" INSTALL_MOD_PATH="$2" modules_install
}

fill_bench()
{
	local sources=$out/bench-sources

	mkdir -p "$sources"
	cp "$root"/harness/bench/{Makefile,*.c} \
		"$tree"/drivers/pci/tests/fake_pci.[ch] "$sources/"
	mkdir -p "$2/modules"
	build_modules "$1" "$sources" bench "$2/modules"
}

# pack DIR ARCHIVE: not compressed, since guests would take seconds to undo that
pack()
{
	(cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >"$2.new"
	mv "$2.new" "$2"
}

# make_tools NAME PROGRAM...: made once, it depends on Debian's packages only
make_tools()
{
	local dir=$out/guest-$1 archive=$out/initramfs-$1.cpio program
	shift

	[[ ! -f $archive ]] || return 0
	rm -rf "$dir"
	mkdir -p "$dir/bin"
	for program; do
		add_program "$dir" "$program"
	done
	pack "$dir" "$archive"
}

make_initramfs()
{
	fill_guest
	[[ ${1:-} != full ]] || fill_full
	pack "$guest" "$out/initramfs.cpio"
}

# make_modules KIND FLAVOUR
make_modules()
{
	local dir=$out/$2-modules/guest

	rm -rf "$dir"
	mkdir -p "$dir"
	"fill_$1" "$2" "$dir"
	pack "$dir" "$out/modules-$2.cpio"
}

case ${1:-} in
modules | bench)
	step "modules-$2" "building test modules for the $2 kernel" \
		make_modules "$1" "$2"
	;;
*) step initramfs "building the guest's programs" make_initramfs "${1:-}" ;;
esac
