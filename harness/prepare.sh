#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Prepare the kernel tree: the base, less the engine that we replace, plus our
# files, less what this base can't have, and our patches.
#
#   out/BASE/base    the base as Debian ships it, never written
#   out/BASE/stage   our files, and the files that we patch, patched
#   out/BASE/tree    base with stage laid over it: what is built
#
# What goes into the tree is compared by content, so that an edit rebuilds
# only what depends on it.
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"
load_base

pristine=$out/base
stage=$out/stage
manifest=$out/manifest

reinstall="apt-get install --reinstall $base_package"

base_version()
{
	dpkg-query -W -f '${Package} ${Version}' "$base_package"
}

check_version()
{
	local version sum

	[[ -f $base_tarball ]] ||
		die "$base_tarball is missing; try: $reinstall"
	version=$(dpkg-query -W -f '${Version}' "$base_package")
	if [[ -z ${base_tested[$version]:-} ]]; then
		say "  notice: $base_package $version has not been tested yet;" \
		    "tested: ${!base_tested[*]}"
		return
	fi
	sum=$(sha256sum "$base_tarball" | cut -d' ' -f1)
	[[ $sum == "${base_tested[$version]}" ]] ||
		die "$base_tarball differs from that of $base_package $version;" \
		    "try: $reinstall"
}

# In a chain: "step ... ||" below makes set -e void.
unpack()
{
	rm -rf "$out/base.new" "$pristine" "$tree" &&
	mkdir -p "$out/base.new" &&
	tar -C "$out/base.new" --strip-components=1 -xf "$base_tarball" &&
	mv "$out/base.new" "$pristine"
}

# What we take out must be there: else the engine is somewhere else.
check_base()
{
	local file

	for file in "${base_removed[@]}"; do
		[[ -f $pristine/$file ]] ||
			die "$(base_version) has no $file: not a base for this series"
	done
}

# The base is unpacked once for each version of the package.
ensure_base()
{
	local stamp

	stamp=$(stat -c '%s %.Y' "$base_tarball" 2>/dev/null || true)
	[[ -n $stamp && -f $out/base.stamp &&
	   $(cat "$out/base.stamp") == "$stamp" && -d $pristine ]] && return
	check_version
	rm -f "$out/base.stamp" "$manifest"
	# It grows tenfold.
	need_space $(($(stat -c %s "$base_tarball") * 12 >> 20)) \
		"unpacking $base_tarball"
	step unpack "unpacking $base_tarball" unpack ||
		die "$base_tarball can't be unpacked; if it is damaged, try: $reinstall"
	stat -c '%s %.Y' "$base_tarball" >"$out/base.stamp"
}

# Hard links: a file of the tree is only ever replaced, never written. A tree
# that something was built in is no good for builds outside of it.
ensure_tree()
{
	[[ -f $manifest && -d $tree && ! -e $tree/.config &&
	   ! -e $tree/include/config ]] && return
	rm -rf "$tree" "$out/tree.new"
	cp -al "$pristine" "$out/tree.new"
	mv "$out/tree.new" "$tree"
	: >"$manifest"
}

# Sets patches: those of all bases, and those of this one
list_patches()
{
	shopt -s nullglob
	patches=("$root"/patches/common/*.patch "$root/patches/$base"/*.patch)
	shopt -u nullglob
	((${#patches[@]})) || die "there are no patches for $base"
}

# Made beside and renamed: a stage is whole, or there is none.
stage_files()
{
	local slice file patch new=$stage.new

	rm -rf "$new"
	mkdir -p "$new"
	for slice in "${slices[@]}"; do
		[[ -d $root/$slice ]] && cp -a "$root/$slice" "$new/"
	done
	for file in "${!base_left_out[@]}"; do
		[[ -f $root/$file ]] && rm -f "$new/$file"
	done
	while IFS= read -r file; do
		[[ ! -e $pristine/$file ||
		   " ${base_removed[*]} " == *" $file "* ]] ||
			die "$file exists in the base: it wants a patch"
	done < <(cd "$new" && find . -type f -printf '%P\n')

	list_patches
	for patch in "${patches[@]}"; do
		while IFS= read -r file; do
			[[ -e $new/$file ]] && continue
			[[ -f $pristine/$file ]] ||
				die "$patch does not apply to $(base_version):" \
				    "there is no $file"
			mkdir -p "$new/$(dirname "$file")"
			cp -a "$pristine/$file" "$new/$file"
		done < <(sed -n 's|^--- a/||p' "$patch")
		patch -d "$new" -p1 -F0 -s -N --no-backup-if-mismatch \
			-r - <"$patch" ||
			die "$patch does not apply to $(base_version)"
	done
	rm -rf "$stage"
	mv "$new" "$stage"
}

# Everything of ours that the tree had before and has no more
drop_stale()
{
	local file

	while IFS= read -r file; do
		[[ -e $stage/$file ]] && continue
		rm -f "$tree/$file"
		[[ -e $pristine/$file ]] && cp -al "$pristine/$file" "$tree/$file"
	done <"$manifest"
	for file in "${base_removed[@]}"; do
		[[ -e $stage/$file ]] || rm -f "$tree/$file"
	done
}

lay_over()
{
	local updated

	drop_stale
	# First, so that an interrupted run is mended by the next
	(cd "$stage" && find . -type f -printf '%P\n') >>"$manifest"
	rm -rf "$out/partial"
	mkdir "$out/partial"
	rsync -rlp --checksum --temp-dir="$out/partial" --out-format=%n \
		"$stage/" "$tree/" >"$out/updated"
	mapfile -t updated < <(grep -v '/$' "$out/updated")
	if ((${#updated[@]} > 8)); then
		say "  ${#updated[@]} files updated"
	elif ((${#updated[@]})); then
		printf '  updated %s\n' "${updated[@]}"
	fi
	(cd "$stage" && find . -type f -printf '%P\n') >"$manifest.new"
	mv "$manifest.new" "$manifest"
}

lock prepare
say "Preparing the kernel tree ($base)"
ensure_base
check_base
ensure_tree
stage_files
lay_over
