#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What goes wrong when a tree is prepared, done on purpose: each is a clear
# error, and the next run recovers, with the same tree as if nothing had been.
# On a copy of this repository, and of the base only the files that matter.
# The last line has counts.
set -euo pipefail
# shellcheck source=harness/tests.sh
. "$(dirname "$0")/tests.sh"
load_base

scratch=$out/hurt
repo=$scratch/repo
tarball=$scratch/base.tar
good=$scratch/good.tar
said=$logs/hurt.said
env=$repo/bases/$base.env

# A base of what the series touches
make_base()
{
	local dir=$scratch/linux-base

	mkdir -p "$dir"
	{
		printf '%s\n' "${base_removed[@]}" Makefile
		sed -n 's|^--- a/||p' "$root/patches/$base"/*.patch
	} | sort -u | while IFS= read -r file; do
		# What patches change of our own isn't in the base.
		[[ ! -f $out/base/$file ]] || (cd "$out/base" && cp --parents "$file" "$dir")
	done
	tar -C "$scratch" -cf "$good" linux-base
	cp "$good" "$tarball"
}

# tested: this tarball is the one that is known; untested: none is
tested()
{
	local version

	version=$(dpkg-query -W -f '${Version}' "$base_package")
	cat "$root/bases/$base.env" - >"$env" <<-END
		base_tarball=$tarball
		base_tested=([$version]=$(sha256sum "$good" | cut -d' ' -f1))
	END
}

untested()
{
	cat "$root/bases/$base.env" - >"$env" <<-END
		base_tarball=$tarball
		base_tested=()
	END
}

prepare()
{
	"$repo/harness/prepare.sh" >"$said" 2>&1
}

# Names, modes and content of the tree
digest()
{
	(cd "$repo/out/$base/tree" && find . -type f -printf '%m %p\n' |
		LC_ALL=C sort && find . -type f -print0 | LC_ALL=C sort -z |
		xargs -0 sha256sum) | sha256sum
}

# fails_with TEXT COMMAND...: an error, which says so
fails_with()
{
	local text=$1
	shift

	if ! "$@" && grep -q "$text" "$said"; then
		return
	fi
	sed 's/^/    /' "$said"
	return 1
}

recovers()
{
	if prepare && [[ $(digest) == "$whole" ]]; then
		return
	fi
	sed 's/^/    /' "$said"
	return 1
}

# modify FILE SED-SCRIPT: the base of another point release
modify()
{
	(cd "$scratch" && rm -rf other && cp -a linux-base other &&
		sed -i "$2" "other/$1" && tar -cf "$tarball" other)
}

mend()
{
	cp "$good" "$tarball"
	tested
}

hurt_tarball()
{
	local file

	say "- a base tarball that is not what it should be"
	truncate -s "$(($(stat -c %s "$good") / 2))" "$tarball"
	check "truncated, of a known version" \
		fails_with "differs from that of $base_package" prepare
	untested
	check "truncated, of an unknown version" \
		fails_with "can't be unpacked; if it is damaged, try: apt-get" prepare
	rm "$tarball"
	check "not there" fails_with "base.tar is missing; try: apt-get" prepare
	mend
	check "with the right one: recovers" recovers

	untested
	file=drivers/pci/Kconfig
	modify $file 's/^/ /'
	check "a point release that a patch does not apply to" \
		fails_with "patch does not apply to $base_package" prepare
	modify $file ''
	rm "$scratch/other/$file"
	tar -C "$scratch" -cf "$tarball" other
	check "one that lacks a patched file" \
		fails_with "there is no $file" prepare
	rm "$scratch/other/${base_removed[0]}"
	tar -C "$scratch" -cf "$tarball" other
	check "one that lacks what is replaced" \
		fails_with "has no ${base_removed[0]}: not a base" prepare
	mend
	check "with the right one: recovers" recovers
}

# From nothing, and where the tree has to lose a file again
hurt_interrupted()
{
	local signal i pid broken='' extra=$repo/drivers/pci/extra.c

	say "- killed, interrupted, and two at once"
	for signal in KILL INT; do
		for i in 05 10 20 40 80; do
			((10#$i % 20)) || rm -rf "$repo/out"
			: >"$extra"
			env --default-signal=INT setsid \
				"$repo/harness/prepare.sh" >"$said" 2>&1 &
			pid=$!
			sleep "0.$i"
			kill "-$signal" -- "-$pid" 2>/dev/null || true
			wait "$pid" 2>/dev/null || true
			rm "$extra"
			recovers || broken+=" $signal/0.$i"
		done
	done
	check "recovers${broken:+, but not at$broken s}" test -z "$broken"

	rm -rf "$repo/out"
	"$repo/harness/prepare.sh" >"$logs/hurt.other" 2>&1 &
	check "two at once" eval 'recovers && wait $!'
}

# in_tmpfs OPTIONS: prepare, with a small file system as out/
in_tmpfs()
{
	unshare "${namespace[@]}" bash -c \
		'mount -t tmpfs -o "$1" none "$2/out" && "$2/harness/prepare.sh"' \
		- "$1" "$repo" >"$said" 2>&1
}

hurt_space()
{
	local namespace=(--mount) kb

	say "- no disk space"
	((EUID == 0)) || namespace+=(--map-root-user)
	if ! unshare "${namespace[@]}" true 2>/dev/null; then
		say "  skipped: may not mount a small file system"
		((++skipped))
		return
	fi
	rm -rf "$repo/out"
	mkdir "$repo/out"
	kb=$(($(stat -c %s "$tarball") >> 10))
	check "less than it takes" fails_with \
		"takes [0-9]* MB of disk space, and .* has only" \
		in_tmpfs "size=$((kb / 2))k"
	check "none in the middle" fails_with "No space left on device" \
		in_tmpfs "size=$((kb * 16))k,nr_inodes=40"
	check "none at the end" fails_with "No space left on device" \
		in_tmpfs "size=$((kb * 16))k,nr_inodes=$inodes"
	check "with enough: recovers" recovers
}

# Nothing of a step goes on when the script is interrupted.
hurt_step()
{
	local pid left

	say "- a step that is interrupted"
	# shellcheck disable=SC2016	# the inner shell's
	env --default-signal=INT setsid bash -c '. "$1/harness/lib.sh"; step hurt "a long step" \
		bash -c "sleep 31.4159 & sleep 31.4159"' - "$repo" >"$said" 2>&1 &
	pid=$!
	sleep 1
	kill -INT "$pid"
	wait "$pid" || true
	left=$(pgrep -fc '^sleep 31.4159' || true)
	check "says so" grep -q '^interrupted (a long step)' "$said"
	check "nothing of it is left" test "$left" = 0
}

said_by()
{
	"$@" >"$said" 2>&1
}

# One line each, and what to do
hurt_names()
{
	local harness=$repo/harness unprivileged=()

	say "- what there isn't"
	check "an architecture" \
		fails_with "^error: no such architecture: vax; there are, as ARCH=: arm64 x86$" \
		said_by env ARCH=vax "$harness/deps.sh" run
	check "of a base" fails_with \
		"^error: ARCH=arm64 isn't tested with BASE=6.1, which has: x86$" \
		said_by env ARCH=arm64 BASE=6.1 "$harness/deps.sh" run
	check "of a verb" fails_with "^error: make bench isn't made for ARCH=arm64, which has: " \
		said_by env ARCH=arm64 "$harness/bench.sh"
	check "of a kernel" fails_with "^error: ARCH=x86 has pages of one size only: " \
		said_by env ARCH=x86 "$harness/build.sh" 64k
	check "of a topology" fails_with "^pc.sh wants a machine that ARCH=arm64 has not: " \
		said_by env ARCH=arm64 "$repo/tools/testing/selftests/pci-p2pdma/qemu/boot.sh" \
		pc none none

	echo 'arch_packages+=(no-such-emulator)' >>"$harness/arch/arm64.env"
	((EUID)) || unprivileged=(setpriv --reuid=65534 --clear-groups)
	check "an emulator, which only root may install" fails_with \
		"sudo apt-get update && sudo apt-get install .* no-such-emulator$" \
		said_by "${unprivileged[@]}" env ARCH=arm64 "$harness/deps.sh" run
}

mkdir -p "$logs"
rm -rf "$scratch"
mkdir -p "$repo"
make_base
for dir in Documentation bases drivers harness include patches tools; do
	cp -a "$root/$dir" "$repo/"
done
tested
say "- a base of $(tar -tf "$good" | grep -vc '/$') files"
check "the tree is prepared" prepare
whole=$(digest)
# Of a finished run, less a few: so it ends in the last steps.
inodes=$(($(find "$repo/out" | wc -l) * 3 / 4))

hurt_tarball
hurt_interrupted
hurt_space
hurt_step
hurt_names
rm -rf "$scratch"
verdict
