#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Debian packages of the prepared tree, with Debian's own configuration and
# CONFIG_PCI_P2PDMA=y: linux-image, linux-headers and linux-libc-dev; and that of
# the operator's tool, by deb-tools.sh.
# usage: deb.sh cloud|generic|rt
#
#   out/BASE/deb             the packages, complete ones only
#   out/BASE/deb-FLAVOUR/obj the build, which an interrupted run leaves and the
#                            next goes on with
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"
only_x86 deb
load_base

here=$root/harness
flavour=${1:-cloud}
# Debian's names: what the configuration's file and the kernel are called
case $flavour in
cloud) config_file=config.amd64_none_cloud-amd64.xz suffix=cloud-amd64 ;;
generic) config_file=config.amd64_none_amd64.xz suffix=amd64 ;;
rt) config_file=config.amd64_rt_amd64.xz suffix=rt-amd64 ;;
*) die "no such flavour of Debian's kernel: $flavour; there are: cloud generic rt" ;;
esac
debian_config=/usr/src/linux-config-$base/$config_file
work=$out/deb-$flavour
target=deb-$flavour/obj
build=$out/$target
fragment=$here/configs/deb.config

# MB that a build takes, with packages. cloud: measured 1516, and a third more;
# the others have 3.6 times as many modules: estimated.
declare -A needed=([cloud]=2000 [generic]=8000 [rt]=8000)

# What an interrupted run has built counts.
check_space()
{
	local used=0

	[[ ! -d $work ]] || used=$(du -sm "$work" | cut -f1)
	((used >= needed[$flavour])) ||
		need_space $((needed[$flavour] - used)) \
			"building packages of the $flavour flavour"
}

# What names a file of Debian's own build, which isn't there: certificates that
# the kernel would trust.
drop_missing_files()
{
	local option value

	while IFS='=' read -r option value; do
		[[ -z $value || -e $tree/$value || -e $build/$value ||
		   $value == certs/signing_key.pem ]] && continue
		say "$option names $value, which is not there: left empty"
		sed -i "s|^$option=.*|$option=\"\"|" "$build/.config"
	done < <(sed -n 's/^\(CONFIG_SYSTEM_TRUSTED_KEYS\|CONFIG_SYSTEM_REVOCATION_KEYS\|CONFIG_MODULE_SIG_KEY\)="\(.*\)"$/\1=\2/p' "$build/.config")
}

configure()
{
	local stamp

	mkdir -p "$build"
	stamp=$(cat "$fragment" "$debian_config" "$tree/drivers/pci/Kconfig" \
		"$tree/Makefile" | sha256sum)
	[[ -f $build/.config && -f $build/config.stamp &&
	   $(cat "$build/config.stamp") == "$stamp" ]] && return
	xz -dc "$debian_config" >"$build/debian.config"
	{
		cat "$build/debian.config" "$fragment"
		printf 'CONFIG_LOCALVERSION="-p2pdma-%s"\n' "$suffix"
	} >"$build/.config"
	drop_missing_files
	kernel_make "$target" -s olddefconfig
	verify_config "$build/.config" "$fragment"
	printf '%s\n' "$stamp" >"$build/config.stamp"
}

# What the kernel's configuration has otherwise than Debian's
show_difference()
{
	"$tree/scripts/diffconfig" "$build/debian.config" "$build/.config" \
		>"$build/config.diff"
	say "  other than in Debian's configuration ($config_file):"
	sed 's/^/    /' "$build/config.diff"
}

package()
{
	# shellcheck source=/dev/null
	KDEB_CHANGELOG_DIST=$(. /etc/os-release && printf %s "$VERSION_CODENAME") \
	DEB_BUILD_OPTIONS=terse kernel_make "$target" bindeb-pkg
}

# Only now do they get where the user looks for them.
publish()
{
	local deb

	mkdir -p "$out/deb"
	for deb in "$work"/*.deb; do
		dpkg-deb --info "$deb" >/dev/null
		mv "$deb" "$out/deb/"
		packages+=("$out/deb/$(basename "$deb")")
	done
}

"$here/deps.sh" deb
[[ -f $debian_config ]] ||
	die "$debian_config is missing; try: apt-get install --reinstall linux-config-$base"
"$here/prepare.sh"
"$here/deb-tools.sh"
lock "deb-$flavour"
check_space
step "config-deb-$flavour" "configuring Debian's $flavour kernel" configure
show_difference
step "build-deb-$flavour" \
	"building the kernel and its modules with $jobs jobs; interrupted, it goes on where it was" \
	kernel_make "$target" bzImage modules
rm -f "$work"/*.{deb,changes,buildinfo}
step "package-deb-$flavour" "making packages" package
packages=()
publish
say
say "PASSED: packages of $(cat "$build/include/config/kernel.release"), in ${SECONDS} s:"
printf '  %s\n' "${packages[@]}"
