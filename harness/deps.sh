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
	qemu-system-x86 rsync xz-utils
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

case ${1:-} in
run) wanted=("${run_packages[@]}") ;;
docs) wanted=("${docs_packages[@]}") ;;
check) wanted=("${check_packages[@]}") ;;
deb) wanted=("${deb_packages[@]}") ;;
tools) wanted=("${tools_packages[@]}") ;;
fresh) wanted=("${fresh_packages[@]}") ;;
*) die "usage: deps.sh run|docs|check|deb|tools|fresh" ;;
esac

read -r -a lacking <<<"$(missing "${wanted[@]}")"
((${#lacking[@]})) || exit 0
command -v apt-get >/dev/null ||
	die "needs Debian; missing packages: ${lacking[*]}"
if ((EUID)); then
	say "Missing packages. Please run:"
	say "    sudo apt-get update && sudo apt-get install --no-install-recommends ${lacking[*]}"
	exit 1
fi
step "deps" "installing ${lacking[*]}" install_missing "${lacking[@]}"
