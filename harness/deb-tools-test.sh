#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Look at the package that deb-tools.sh has made, and try it in a Debian that has
# nothing but its base: installed, used on another machine's lspci, removed.
# usage: deb-tools-test.sh
#
#   out/BASE/deb-fresh/root  the Debian, which the next run takes again
set -euo pipefail
# shellcheck source=harness/tests.sh
. "$(dirname "$0")/tests.sh"

tools=pci-p2pdma-tools
work=$out/deb-fresh
fresh=$work/root
unpacked=$work/unpacked
# MB that the fresh Debian takes: measured 206
needed=300

# KB that the package may take, installed
limit=300

deb_of()
{
	find "$out/deb" -name "${tools}_*.deb" 2>/dev/null | head -n 1
}

field()
{
	dpkg-deb -f "$deb" "$1"
}

has_files()
{
	diff - <(cd "$unpacked" && find . -type f -printf '%P\n' | sort) <<-END
	usr/bin/lsp2pdma
	usr/share/bash-completion/completions/lsp2pdma
	usr/share/doc/$tools/changelog.gz
	usr/share/doc/$tools/copyright
	usr/share/man/man8/lsp2pdma.8.gz
	END
}

needs_libraries_only()
{
	diff <(printf 'libc6\nlibpci3\n') \
		<(field Depends | tr ',' '\n' | sed 's/^ *\([^ ]*\).*/\1/' | sort)
}

is_small()
{
	(($(field Installed-Size) <= limit))
}

links_dynamically()
{
	diff <(printf 'libc.so.6\nlibpci.so.3\n') \
		<(readelf -d "$unpacked/usr/bin/lsp2pdma" |
			sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort)
}

belongs_to_root()
{
	! dpkg-deb -c "$deb" | grep -v ' root/root '
}

page_is_clean()
{
	local warnings

	warnings=$(zcat "$unpacked/usr/share/man/man8/lsp2pdma.8.gz" |
		groff -man -ww -Tutf8 2>&1 >/dev/null) || true
	say "${warnings:-  groff has nothing to say}"
	[[ -z $warnings ]]
}

completion_parses()
{
	bash -n "$unpacked/usr/share/bash-completion/completions/lsp2pdma"
}

# What shows without an installation
look_at_package()
{
	say "$(basename "$deb")"
	check "five files: tool, manual page, completion, changelog, copyright" has_files
	check "all of root's" belongs_to_root
	check "depends on libc6 and libpci3, and nothing else" needs_libraries_only
	check "at most $limit KB installed" is_small
	check "linked with the shared libpci, and libc" links_dynamically
	check "manual page without warnings of groff" page_is_clean
	check "completion is a script of bash" completion_parses
}

# Only a whole one is taken again.
make_fresh()
{
	local suite

	[[ -d $fresh ]] && return
	need_space "$needed" "a fresh Debian"
	# shellcheck source=/dev/null
	suite=$(. /etc/os-release && printf %s "$VERSION_CODENAME")
	rm -rf "$fresh.new"
	step debootstrap "making a fresh Debian ($suite)" nice -n 19 \
		debootstrap --variant=minbase "$suite" "$fresh.new" || return 1
	mv "$fresh.new" "$fresh"
}

inside()
{
	chroot "$fresh" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		LANG=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive "$@"
}

is_installed()
{
	inside dpkg -s "$tools" 2>/dev/null | grep -q '^Status: .* ok installed$'
}

install_package()
{
	cp "$deb" "$fresh/tmp/$tools.deb"
	inside apt-get update
	inside apt-get install -y --no-install-recommends "/tmp/$tools.deb"
}

installs()
{
	step install-deb-tools "installing it there" install_package && is_installed
}

says_version()
{
	[[ $(inside lsp2pdma --version | head -n 1) == "lsp2pdma $(field Version)" ]]
}

says_help()
{
	[[ $(inside lsp2pdma --help | head -n 1) == [Uu]sage:* ]]
}

# A function and its first 256 bytes, as lspci -xxx prints them:
# function_hex ADDRESS TITLE CLASS HEADER_TYPE [BUSES], all in hexadecimal
function_hex()
{
	local buses=${5:-00 00 00 00}

	printf '%s %s\n' "$1" "$2"
	printf '00: 34 12 01 10 07 00 00 00 00 00 %s 00 00 %s 00\n' "$3" "$4"
	printf '10: 00 00 00 00 00 00 00 00 %s 00 00 00 00\n' "$buses"
	printf '%x0: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n' {2..15}
	printf '\n'
}

# Of conventional PCI, which has no capability to be made up
another_machine()
{
	function_hex 00:00.0 'Host bridge: made up' '00 06' 00
	function_hex 00:01.0 'PCI bridge: made up' '04 06' 01 '00 01 01 00'
	function_hex 01:01.0 'Non-Volatile memory controller: made up' '08 01' 00
	function_hex 01:02.0 'Non-Volatile memory controller: made up' '08 01' 00
}

# Two drives on one bus: each reaches itself and the other one, over two hops.
shows_matrix()
{
	local output

	another_machine >"$fresh/tmp/machine.txt"
	output=$(inside lsp2pdma -i /tmp/machine.txt matrix) || return 1
	grep -qx '2 pairs, 2 reached' <<<"$output" &&
		[[ $(grep -o '\bB2\b' <<<"$output" | wc -l) == 2 ]] && return
	say "$output"
	return 1
}

has_page()
{
	inside zcat /usr/share/man/man8/lsp2pdma.8.gz | grep -q '^\.TH LSP2PDMA 8'
}

completion_parses_there()
{
	inside bash -n /usr/share/bash-completion/completions/lsp2pdma
}

# Files that are there before and not after, and the other way round. What apt
# and dpkg themselves write of what they did doesn't count.
list_fresh()
{
	(cd "$fresh" && find . -xdev \( -path ./proc -o -path ./sys -o \
		-path ./tmp -o -path ./var/log -o -path ./var/cache -o \
		-path ./var/lib/apt -o -path ./var/lib/dpkg \) -prune -o \
		-printf '%P\n' | sort)
}

remove_package()
{
	inside apt-get purge -y --autoremove "$tools"
}

is_removed()
{
	step remove-deb-tools "removing it there" remove_package || return 1
	! is_installed && diff "$work/before" <(list_fresh) &&
		! find "$fresh/var/lib/dpkg" -name "$tools*" | grep .
}

try_package()
{
	if ! make_fresh; then
		skipped=7
		say "  skipped: debootstrap makes no fresh Debian here; see $logs/debootstrap.log"
		return
	fi
	say "In a fresh Debian"
	! is_installed || inside apt-get purge -y --autoremove "$tools" &>/dev/null
	list_fresh >"$work/before"
	check "installs" installs
	check "lsp2pdma --version is the package's" says_version
	check "lsp2pdma --help" says_help
	check "lsp2pdma -i FILE matrix, of another machine's lspci" shows_matrix
	check "manual page is there" has_page
	check "completion is a script of its bash" completion_parses_there
	check "removal leaves nothing" is_removed
}

deb=$(deb_of)
[[ -n $deb ]] || die "no package in $out/deb: make deb-tools"
((EUID == 0)) || die "installs packages in a directory: please run it as root"
"$root/harness/deps.sh" fresh
lock deb-fresh
rm -rf "$unpacked"
dpkg-deb -x "$deb" "$unpacked"
look_at_package
try_package
verdict
