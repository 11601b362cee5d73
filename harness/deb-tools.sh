#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Debian package pci-p2pdma-tools: lsp2pdma with its manual page and completion,
# for machines with any kernel.
# usage: deb-tools.sh
#
#   out/BASE/deb             the package, complete ones only
#   out/BASE/deb-tools/src   what it is built of, at its paths in the kernel tree
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"
load_base

here=$root/harness
tools=pci-p2pdma-tools
work=$out/deb-tools
src=$work/src

# The tool, and the kernel's sources that it compiles its rules from
files=(
	tools/pci/lsp2pdma
	drivers/pci/p2pdma_topology.c
	drivers/pci/p2pdma_topology.h
	drivers/pci/p2pdma_shadow.c
	drivers/pci/pci.h
	drivers/pci/quirks.c
	include/linux/pci_ids.h
	include/uapi/linux/pci-p2pdma.h
)

commit()
{
	git -C "$root" log -1 --format="$1" "${@:2}"
}

# The tool's, and a later one for each later commit: 1.0+20260102.030405.gHASH.
# What no commit has is ".local".
version()
{
	local number uncommitted

	number=$(sed -n 's/^VERSION := //p' "$root/tools/pci/lsp2pdma/Makefile")
	uncommitted=$(git -C "$root" status --porcelain -- "${files[@]}" \
		harness/debian patches)
	printf '%s+%s.g%s%s\n' "${number:?no VERSION in the Makefile}" \
		"$(TZ=UTC0 commit %cd --date=format-local:%Y%m%d.%H%M%S)" \
		"$(commit %h --abbrev=8)" "${uncommitted:+.local}"
}

write_changelog()
{
	local suite

	# shellcheck source=/dev/null
	suite=$(. /etc/os-release && printf %s "$VERSION_CODENAME")
	cat <<-END
	$tools ($(version)) $suite; urgency=medium

	  * Of commit $(commit %H), with the quirks of
	    $(dpkg-query -W -f '${Package} ${Version}' "$base_package").

	 -- $(commit '%cn <%ce>')  $(commit %cD)
	END
}

# All is from the prepared tree, whose quirks.c has our patches.
copy_sources()
{
	rm -rf "$work"
	mkdir -p "$src"
	(cd "$tree" && cp -r --parents "${files[@]}" "$src/")
	cp -r "$here/debian" "$src/"
	mkdir "$src/debian/source"
	printf '3.0 (native)\n' >"$src/debian/source/format"
	sed -i "s/@MAINTAINER@/$(commit '%cn <%ce>' | sed 's/[&/\]/\\&/g')/" \
		"$src/debian/control"
	write_changelog >"$src/debian/changelog"
}

# Without the variables that another make has been given
package()
{
	cd "$src"
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL DEB_BUILD_OPTIONS="parallel=$jobs" \
		dpkg-buildpackage -us -uc -b
}

# An earlier version would be taken for this one.
publish()
{
	local deb=("$work/$tools"_*.deb)

	((${#deb[@]} == 1)) || die "${#deb[@]} packages in $work, not one"
	dpkg-deb --info "${deb[0]}" >/dev/null
	mkdir -p "$out/deb"
	rm -f "$out/deb/$tools"_*.deb
	mv "${deb[0]}" "$out/deb/"
	say "  $out/deb/$(basename "${deb[0]}")"
}

"$here/deps.sh" tools
"$here/prepare.sh"
lock deb-tools
copy_sources
step package-deb-tools "making the package of lsp2pdma" package
publish
