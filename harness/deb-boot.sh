#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot a kernel out of its Debian package in QEMU: the main job, and a copy
# through an NVMe target, whose modules come out of the package, too.
# usage: deb-boot.sh cloud|generic|rt
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"
only_x86 deb-boot

here=$root/harness
flavour=${1:-cloud}
release_file=$out/deb-$flavour/obj/include/config/kernel.release
[[ -f $release_file ]] || die "no packages of the $flavour flavour: make deb FLAVOUR=$flavour"
release=$(cat "$release_file")
package=$(find "$out/deb" -name "linux-image-${release}_*.deb" 2>/dev/null | head -n 1)
[[ -n $package ]] || die "no package of $release in $out/deb: make deb FLAVOUR=$flavour"
scratch=$out/deb-$flavour/boot
modules=(configfs nvmet nvme-loop)

# Of the package: the kernel, and an archive for the guest with those modules
# that it needs, and what these need
unpack()
{
	local file dir=$scratch/guest

	rm -rf "$scratch"
	mkdir -p "$scratch/package" "$dir"
	dpkg-deb -x "$package" "$scratch/package"
	depmod -b "$scratch/package" "$release"
	modprobe -d "$scratch/package" -S "$release" -a --show-depends "${modules[@]}" |
		sed -n 's|^insmod \([^ ]*\).*|\1|p' | awk '!seen[$0]++' >"$scratch/order"
	mkdir -p "$dir/modules/debian"
	while IFS= read -r file; do
		cp "$file" "$dir/modules/debian/"
		basename "$file" .xz >>"$dir/modules/debian/order"
	done <"$scratch/order"
	# busybox has no xz for modules; the signature is inside of it.
	xz -d "$dir/modules/debian/"*.xz
	(cd "$dir" && find . | cpio -o -H newc --quiet | gzip -1) >"$scratch/modules.gz"
}

"$here/deps.sh" run
"$here/prepare.sh"
"$here/build.sh" plain
"$here/initramfs.sh" full
step "unpack-deb-$flavour" "unpacking $(basename "$package")" unpack
export IMAGE=$scratch/package/boot/vmlinuz-$release INITRD_TOO=$scratch/modules.gz
# Debian's kernels forbid the look into the BAR by which the jobs see that data
# goes through it.
"$here/demo.sh" "deb-$flavour" plain iomem=relaxed
# Debian's have multipath, which would put the disk elsewhere in sysfs than the
# job looks for it.
exec "$here/guest.sh" "nvmet-deb-$flavour" plain switch nvmet nvme_core.multipath=N
