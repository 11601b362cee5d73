#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the guest's file system: busybox, the jobs, the selftests. With "full"
# also what only the checks need: pciutils and the control modules, and in an
# archive of its own, since it is large, fio. With "bench", the benchmark.
# usage: initramfs.sh [full|bench]
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"
load_base

guest=$out/guest
fio_guest=$out/guest-fio
selftests=$tree/tools/testing/selftests

# add_program DIR PROGRAM: with the shared libraries that it needs
add_program()
{
	local dir=$1 program lib

	program=$(command -v "$2")
	cp "$program" "$dir/bin/"
	while IFS= read -r lib; do
		mkdir -p "$dir$(dirname "$lib")"
		cp -n "$lib" "$dir$lib"
	done < <(ldd "$program" 2>/dev/null | grep -o '/[^ )]*')
}

build_selftests()
{
	mkdir -p "$out/selftests"
	kernel_make plain -s headers
	make -C "$selftests/pci-p2pdma" OUTPUT="$out/selftests" \
		CC='ccache gcc' \
		KHDR_INCLUDES="-isystem $out/plain/usr/include" all
}

# Modules are built for a kernel, in a directory that make may write to.
# build_modules FLAVOUR SOURCES NAME
build_modules()
{
	local flavour=$1 sources=$2 name=$3

	mkdir -p "$out/$flavour-modules" "$guest/modules/$flavour"
	rsync -rc "$sources/" "$out/$flavour-modules/$name/"
	kernel_make "$flavour" M="$out/$flavour-modules/$name" modules
	cp "$out/$flavour-modules/$name/"*.ko "$guest/modules/$flavour/"
}

fill_guest()
{
	rm -rf "$guest"
	mkdir -p "$guest"/{bin,sbin,dev,proc,sys,tmp,jobs}
	cp /bin/busybox "$guest/bin/"
	for applet in $(/bin/busybox --list); do
		ln -s busybox "$guest/bin/$applet" 2>/dev/null || true
	done
	cp "$root/harness/guest/init" "$guest/init"
	cp "$root"/harness/guest/jobs/* "$guest/jobs/"
	build_selftests
	find "$out/selftests" -maxdepth 1 -type f -executable \
		-exec cp -t "$guest/bin" {} +
}

fill_full()
{
	local flavour

	rm -f "$guest"/bin/{lspci,setpci}
	add_program "$guest" lspci
	add_program "$guest" setpci
	add_program "$guest" nvme
	add_program "$guest" rdma
	mkdir -p "$out/tools-pci"
	make -C "$tree/tools/pci" OUTPUT="$out/tools-pci/"
	add_program "$guest" "$out/tools-pci/lsp2pdma"
	for flavour in plain debug kcsan coverage; do
		[[ -f $out/$flavour/Module.symvers ]] || continue
		build_modules "$flavour" "$root/harness/control" control
		build_modules "$flavour" \
			"$selftests/pci-p2pdma/test_modules" test_modules
		# A kernel of an earlier run may have been built without them.
		[[ ! -d $out/$flavour/samples/pci-p2pdma ]] ||
			cp "$out/$flavour"/samples/pci-p2pdma/*.ko \
				"$guest/modules/$flavour/"
	done
}

# The module that copies where users can't map p2pmem
fill_run()
{
	reason_left_out drivers/pci/p2pdma_mmap.c >/dev/null || return 0
	[[ ! -f $out/plain/Module.symvers ]] ||
		build_modules plain "$selftests/pci-p2pdma/test_modules" \
			test_modules
}

fill_bench()
{
	local flavour sources=$out/bench-sources

	mkdir -p "$sources"
	cp "$root"/harness/bench/{Makefile,*.c} \
		"$tree"/drivers/pci/tests/p2pdma_fabric.[ch] "$sources/"
	for flavour in untouched plain; do
		build_modules "$flavour" "$sources" bench
	done
}

# pack DIR ARCHIVE
pack()
{
	(cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) |
		gzip -1 >"$2.new"
	mv "$2.new" "$2"
}

# Made once: it depends on Debian's package only
make_fio()
{
	[[ ! -f $out/initramfs-fio.gz ]] || return 0
	rm -rf "$fio_guest"
	mkdir -p "$fio_guest/bin"
	add_program "$fio_guest" fio
	pack "$fio_guest" "$out/initramfs-fio.gz"
}

make_initramfs()
{
	fill_guest
	case ${1:-} in
	full)
		fill_full
		make_fio
		;;
	bench) fill_bench ;;
	*) fill_run ;;
	esac
	pack "$guest" "$out/initramfs.gz"
}

step initramfs "building the guest's programs" make_initramfs "${1:-}"
