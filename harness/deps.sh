#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Install the Debian packages that are missing, or say how to.
# usage: deps.sh run|docs|check|deb|tools|fresh
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"
load_base

run_packages=(
	"$base_package" bc bison busybox-static bzip2 ccache cpio flex gcc git
	kmod libc6-dev libelf-dev libssl-dev make patch perl python3
	rsync xz-utils "${arch_packages[@]}"
)
docs_packages=(
	"$base_package" gcc groff-base make patch perl python3 python3-sphinx
	rsync xz-utils
)
check_packages=(
	"${run_packages[@]}" "${docs_packages[@]}" coccinelle dmsetup e2fsprogs
	fio graphviz grub-common iproute2 libpci-dev mdadm nvme-cli pciutils
	pkg-config python3-jsonschema shellcheck sparse xfsprogs
)
# The package of lsp2pdma, and what tries it in a fresh Debian
tools_packages=(
	"$base_package" debhelper dpkg-dev gcc git libc6-dev libpci-dev make
	patch pkg-config rsync xz-utils
)
fresh_packages=(
	"${tools_packages[@]}" binutils debootstrap groff-base
)
deb_packages=(
	"${run_packages[@]}" "${tools_packages[@]}" fakeroot
	"linux-config-$base" openssl zstd
)

# Of another architecture, for the guest: unpacked, not installed
run_foreign=(busybox-static)
check_foreign=(
	"${run_foreign[@]}" dmsetup e2fsprogs fio iproute2 libpci-dev mdadm
	nvme-cli pciutils xfsprogs
)

missing()
{
	local package

	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
			grep -q 'ok installed' || printf '%s ' "$package"
	done
}

# First what an interrupted run has left is mended, else apt-get refuses. It
# resumes downloads by itself, and waits for another one that has the lock.
install_missing()
{
	export DEBIAN_FRONTEND=noninteractive

	dpkg --configure -a || true
	apt-get update && apt-get -o DPkg::Lock::Timeout=300 install -y \
		--no-install-recommends "$@"
}

# foreign_packages PACKAGE...: with the libraries that they depend on, less what is
# for compilers, which have their own
foreign_packages()
{
	printf "%s:$arch_debian\n" "$@"
	apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
		--no-breaks --no-replaces --no-enhances "${@/%/:$arch_debian}" |
		grep -E "^(lib|zlib).*:$arch_debian\$" | grep -v -e '-dev:'
}

# They are as new as the package lists.
unpack_foreign()
{
	local deb debs=$out/debs packages

	if ! ((EUID)); then
		dpkg --add-architecture "$arch_debian"
		apt-get update
	fi
	rm -rf "$debs" "$out/sysroot.new"
	mkdir -p "$debs" "$out/sysroot.new"
	mapfile -t packages < <(foreign_packages "$@" | sort -u)
	(cd "$debs" && apt-get -o APT::Sandbox::User=root download "${packages[@]}")
	for deb in "$debs"/*.deb; do
		dpkg-deb -x "$deb" "$out/sysroot.new"
	done
	printf '%s\n' "$@" >"$out/sysroot.new/packages"
	rm -rf "$out/sysroot" "$debs"
	mv "$out/sysroot.new" "$out/sysroot"
}

# need_foreign PACKAGE...
need_foreign()
{
	local lacking

	mkdir -p "$out"
	lacking=$(printf '%s\n' "$@" |
		grep -vxFf "$out/sysroot/packages" 2>/dev/null | xargs) || true
	[[ -e $out/sysroot/packages && -z $lacking ]] && return
	# Without root, packages are downloaded as the lists name them.
	if ((EUID)) && ! apt-cache show "$1:$arch_debian" >/dev/null 2>&1; then
		say "Packages of $arch_debian are needed for the guest. Please run:"
		say "    sudo dpkg --add-architecture $arch_debian && sudo apt-get update"
		exit 1
	fi
	step "deps-$arch" "unpacking $* of $arch_debian" unpack_foreign "$@"
}

foreign=()
case ${1:-} in
run)
	wanted=("${run_packages[@]}")
	foreign=("${run_foreign[@]}")
	;;
docs) wanted=("${docs_packages[@]}") ;;
check)
	wanted=("${check_packages[@]}")
	foreign=("${check_foreign[@]}")
	;;
deb) wanted=("${deb_packages[@]}") ;;
tools) wanted=("${tools_packages[@]}") ;;
fresh) wanted=("${fresh_packages[@]}") ;;
*) die "usage: deps.sh run|docs|check|deb|tools|fresh" ;;
esac

# need_packages PACKAGE...
need_packages()
{
	local lacking

	read -r -a lacking <<<"$(missing "$@")"
	((${#lacking[@]})) || return 0
	command -v apt-get >/dev/null ||
		die "needs Debian; missing packages: ${lacking[*]}"
	if ((EUID)); then
		say "Missing packages. Please run:"
		say "    sudo apt-get update && sudo apt-get install --no-install-recommends ${lacking[*]}"
		exit 1
	fi
	step "deps" "installing ${lacking[*]}" install_missing "${lacking[@]}"
}

need_packages "${wanted[@]}"
is_foreign && ((${#foreign[@]})) || exit 0
need_foreign "${foreign[@]}"
