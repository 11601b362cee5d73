# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0
# The entries of the patch series: what the scripts that make, check and build
# it share. Sourced.
#
# series/NN-name.msg is a posted patch: its subject, an empty line, its text,
# a line "---", and what belongs to it, one a line:
#
#   path or pattern        whole files of this repository; of a directory
#                          ("dir/"), all; less what a base leaves out
#   patches/NAME.patch     patches/BASE/NAME.patch, or that of patches/common;
#                          left out for a base that has no such patch
#   -path                  a file of the base that goes, if it has it
#
# They are posted in parts, each to the lists that it concerns: from 00 on, and from
# 20 on. series/00-cover.msg and 20-cover.msg have the cover letters' subjects and
# texts. What holds of one base only is between "#if BASE" and "#endif" in all.

# shellcheck source=harness/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

series_out=$root/out/series/$base
# A part's entries begin with this number or a higher one; its directory
series_parts=(00:core 20:storage)
series_work=$out/series
series_git=$series_work/git
series_max=15

# All entries, in order
entries()
{
	local msg

	for msg in "$root"/series/[0-9][0-9]-*.msg; do
		[[ $msg == *-cover.msg ]] || printf '%s\n' "$msg"
	done
}

# part_of ENTRY: as it is in series_parts
part_of()
{
	local part number

	number=$(entry_name "$1")
	for part in "${series_parts[@]}"; do
		[[ ${number:0:2} < ${part%:*} ]] || printf '%s\n' "$part"
	done | tail -n 1
}

entry_name()
{
	basename "$1" .msg
}

# What is for this base of a text in which "#if BASE", "#else" and "#endif"
# stand in lines of their own
text_for_base()
{
	awk -v base="$base" 'BEGIN { on = 1 }
		/^#if / { on = $2 == base; next }
		/^#else$/ { on = !on; next }
		/^#endif$/ { on = 1; next }
		on'
}

# The commit message of an entry
entry_text()
{
	sed '/^---$/,$d' "$1" | text_for_base
}

# The lines below it
entry_items()
{
	sed '1,/^---$/d; /^$/d' "$1"
}

# The whole files of an entry, relative to the repository
entry_files()
{
	local item found

	while IFS= read -r item; do
		[[ $item != patches/* && $item != -* ]] || continue
		if [[ $item == */ ]]; then
			found=$(cd "$root" && find "$item" -type f | sort)
		else
			found=$(cd "$root" && compgen -G "$item" | sort) || true
		fi
		[[ -n $found ]] || die "$1: there is no $item"
		printf '%s\n' "$found"
	done < <(entry_items "$1")
}

# The patches of an entry that this base has
entry_patches()
{
	local item

	while IFS= read -r item; do
		[[ $item == patches/* ]] || continue
		compgen -G "$root/patches/*/${item#patches/}" >/dev/null ||
			die "$1: no base has ${item#patches/}"
		compgen -G "$root/patches/common/${item#patches/}" ||
			compgen -G "$root/patches/$base/${item#patches/}" ||
			true
	done < <(entry_items "$1")
}

# The files of the base that go with an entry
entry_removals()
{
	entry_items "$1" | sed -n 's/^-//p'
}

in_series_git()
{
	git -C "$series_git" -c core.hooksPath=/dev/null -c gc.auto=0 "$@"
}
