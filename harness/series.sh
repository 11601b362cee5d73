#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the patch series: out/series/BASE/PART/*.patch, each with a cover letter.
#
# The base is imported into a git repository once. On it a commit is made for
# each entry of series/, from the files and patches that the entry lists. What
# comes out at the end must be the prepared tree, byte for byte; and the
# patches, given to git am on the base, must lead there too.
set -euo pipefail
# shellcheck source=harness/series-lib.sh
. "$(dirname "$0")/series-lib.sh"
load_base

cut=$series_work/cut		# the files touched so far, as they are by now
passed=0 failed=0

# check TEXT COMMAND...
check()
{
	local text=$1
	shift

	if "$@"; then
		((++passed))
		say "  ok: $text"
	else
		((++failed))
		say "  not ok: $text"
	fi
}

# Author and sign-off: GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL, or git's user
require_identity()
{
	local name email

	name=${GIT_AUTHOR_NAME:-$(git -C "$root" config user.name || true)}
	email=${GIT_AUTHOR_EMAIL:-$(git -C "$root" config user.email || true)}
	[[ -n $name && -n $email ]] ||
		die "git doesn't know who you are, and author and sign-off" \
		    "of the series are yours; tell it:" \
		    "git config --global user.name NAME;" \
		    "git config --global user.email ADDRESS"
	export GIT_AUTHOR_NAME=$name GIT_AUTHOR_EMAIL=$email
	export GIT_COMMITTER_NAME=$name GIT_COMMITTER_EMAIL=$email
}

# Dates are those of this repository's last commit, so that nothing but a
# change of the sources changes the patches.
pin_dates()
{
	local date

	date=$(git -C "$root" log -1 --format=%cI 2>/dev/null || date -Is)
	export GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date
}

import_base()
{
	rm -rf "$series_git" "$series_work/import.stamp"
	git init -q --bare -b base "$series_git"
	in_series_git config core.looseCompression 1
	in_series_git config core.fsync none
	in_series_git config core.autocrlf false
	in_series_git --work-tree="$out/base" add -A -f .
	in_series_git commit-tree -m "$base_package" \
		"$(in_series_git write-tree)" >"$series_work/base"
	cp "$out/base.stamp" "$series_work/import.stamp"
}

ensure_import()
{
	cmp -s "$out/base.stamp" "$series_work/import.stamp" && return
	mkdir -p "$series_work"
	step series-import "importing the base into git" import_base
}

# take FILE: the base's, if an entry before hasn't changed it yet, and unless it
# is new
take()
{
	[[ ! -e $cut/$1 && -e $out/base/$1 ]] || return 0
	mkdir -p "$cut/$(dirname "$1")"
	cp -a "$out/base/$1" "$cut/$1"
}

# touched PATCH: the files that it changes
touched()
{
	sed -n 's|^+++ b/||p' "$1"
}

apply_patches()
{
	local patch file patches

	mapfile -t patches < <(entry_patches "$1")
	for patch in "${patches[@]}"; do
		while IFS= read -r file; do
			take "$file"
			printf '%s\n' "$file"
		done < <(touched "$patch")
		patch -d "$cut" -p1 -F0 -s -N --no-backup-if-mismatch -r - \
			<"$patch" >&2 ||
			die "$patch does not apply in $(entry_name "$1")"
	done
}

copy_files()
{
	local file

	while IFS= read -r file; do
		! reason_left_out "$file" >/dev/null || continue
		mkdir -p "$cut/$(dirname "$file")"
		cp -a "$root/$file" "$cut/$file"
		printf '%s\n' "$file"
	done < <(entry_files "$1")
}

remove_files()
{
	local file

	while IFS= read -r file; do
		[[ -e $out/base/$file ]] || continue
		rm -f "$cut/$file"
		printf '%s\n' "$file"
	done < <(entry_removals "$1")
}

# cut_entry ENTRY: changes $cut, and lists what was changed. For some bases our
# own files are patched, too: they come first.
cut_entry()
{
	copy_files "$1"
	apply_patches "$1"
	remove_files "$1"
}

signed_off()
{
	entry_text "$1" | git interpret-trailers \
		--trailer "Signed-off-by: $GIT_AUTHOR_NAME <$GIT_AUTHOR_EMAIL>"
}

commit_entries()
{
	local entry parent tree paths

	rm -rf "$cut"
	mkdir -p "$cut"
	parent=$(cat "$series_work/base")
	: >"$series_work/commits"
	export GIT_INDEX_FILE=$series_work/index
	in_series_git read-tree "$parent"
	while IFS= read -r entry; do
		paths=$(cut_entry "$entry")
		[[ -n $paths ]] || continue
		printf '%s\n' "$paths" | in_series_git --work-tree="$cut" \
			add -A -f --pathspec-from-file=-
		tree=$(in_series_git write-tree)
		[[ $tree != $(in_series_git rev-parse "$parent^{tree}") ]] ||
			die "$(entry_name "$entry") changes nothing"
		parent=$(signed_off "$entry" |
			 in_series_git commit-tree -p "$parent" "$tree")
		printf '%s %s\n' "$parent" "$entry" >>"$series_work/commits"
	done < <(entries)
	unset GIT_INDEX_FILE
	in_series_git update-ref refs/heads/series "$parent"
}

# The tree that harness/prepare.sh has made, as git sees it
prepared_tree()
{
	local file

	export GIT_INDEX_FILE=$series_work/index.prepared
	in_series_git read-tree "$(cat "$series_work/base")"
	for file in "${base_removed[@]}"; do
		in_series_git rm -q --cached --ignore-unmatch -- "$file"
	done
	(cd "$out/stage" && find . \( -type f -o -type l \) -printf '%P\n') |
		in_series_git --work-tree="$out/stage" \
			add -f --pathspec-from-file=-
	in_series_git write-tree
	unset GIT_INDEX_FILE
}

is_prepared_tree()
{
	local want got

	want=$(prepared_tree)
	got=$(in_series_git rev-parse 'series^{tree}')
	[[ $want == "$got" ]] && return
	in_series_git diff --stat "$want" "$got"
	return 1
}

# commits_of PART: of its entries, in order
commits_of()
{
	local commit entry

	while read -r commit entry; do
		[[ $(part_of "$entry") != "$1" ]] || printf '%s\n' "$commit"
	done <"$series_work/commits"
}

# format_part PART: a base may have nothing of it
format_part()
{
	local dir=$series_out/${1#*:} commits

	mapfile -t commits < <(commits_of "$1")
	((${#commits[@]})) || return 0
	mkdir -p "$dir"
	in_series_git update-ref refs/heads/part "${commits[-1]}"
	in_series_git config branch.part.description \
		"$(text_for_base <"$root/series/${1%:*}-cover.msg")"
	in_series_git format-patch -q --cover-letter \
		--cover-from-description=subject --subject-prefix="PATCH $base" \
		--stat=75 -p --zero-commit --no-signature -B --no-renames -o "$dir" \
		"${commits[0]}^..part"
	# Which files are new is seen in the patches.
	sed -i '/^ \(create\|delete\) mode /d' "$dir"/0000-*
}

format_patches()
{
	local part

	rm -rf "$series_out"
	for part in "${series_parts[@]}"; do
		format_part "$part"
	done
}

# posted [PART]: its patches, or all, in the order in which they apply
posted()
{
	local part

	(($#)) || set -- "${series_parts[@]}"
	for part; do
		[[ ! -d $series_out/${part#*:} ]] ||
			find "$series_out/${part#*:}" -name '*.patch' \
				! -name '0000-*' | sort
	done
}

no_part_is_long()
{
	local part

	for part in "${series_parts[@]}"; do
		(($(posted "$part" | wc -l) <= series_max)) || return
	done
}

# In a work tree that has the touched files only: the index has all.
am_leads_there()
{
	local am=$series_work/am status=0 patches

	rm -rf "$am"
	in_series_git worktree prune
	in_series_git worktree add -q --no-checkout --detach "$am" \
		"$(cat "$series_work/base")"
	git -C "$am" diff --name-only HEAD series | sed 's|^|/|' |
		git -C "$am" sparse-checkout set --no-cone --stdin
	git -C "$am" checkout -q
	mapfile -t patches < <(posted)
	{
		git -C "$am" am -q "${patches[@]}" &&
		[[ -z $(git -C "$am" diff --stat HEAD series) ]]
	} || status=1
	in_series_git worktree remove --force "$am"
	return "$status"
}

# What checkpatch has to say of a patch. Errors and warnings fail. What stands,
# and why: in a trace header the macros' arguments stand as the kernel's others
# do (PARENTHESIS_ALIGNMENT, OPEN_ENDED_LINE), and md's flags have names like
# WriteMostly (CAMELCASE). It is run where no git
# repository is, and so leaves spdxcheck.py out, which wants Python modules.
patch_is_clean()
{
	local stands=()

	! grep -q '^+++ b/include/trace/' "$1" ||
		stands=(--ignore "PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE")
	! grep -q '^+++ b/drivers/md/md.c' "$1" ||
		stands=(--ignore "CAMELCASE")
	(cd "$series_work" && perl "$tree/scripts/checkpatch.pl" \
		--root="$tree" --strict --terse --show-types --no-summary \
		"${stands[@]}" "$1")
}

check_patches()
{
	local patch bad=0

	while IFS= read -r patch; do
		patch_is_clean "$patch" || bad=1
	done < <(posted)
	return "$bad"
}

summary()
{
	local n lines

	n=$(posted | wc -l)
	lines=$(in_series_git diff --shortstat "$(cat "$series_work/base")" series)
	say "$n patches in ${series_out#"$root/"}:$lines"
}

require_identity
mkdir -p "$logs"
say "Making the series ($base)"
pin_dates
export GIT_LITERAL_PATHSPECS=1
ensure_import
step series-commits "committing the entries" commit_entries
check "the last tree is the prepared tree" is_prepared_tree
step series-format "formatting the patches" format_patches
check "at most $series_max patches in a part" no_part_is_long
check "checkpatch --strict has nothing to say" check_patches
check "git am on the base leads to the last tree" am_leads_there
summary
say "series: $passed passed, $failed failed"
((failed == 0))
