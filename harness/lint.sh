#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The gates that need no running kernel, cheapest first; without a name all of
# them. What is posted goes through checkpatch as it is posted: series.sh.
# usage: lint.sh [GATE...]
set -euo pipefail
# shellcheck source=harness/series-lib.sh
. "$(dirname "$0")/series-lib.sh"

load_base
cd "$root"
mkdir -p "$logs"

files()
{
	git ls-files --cached --others --exclude-standard -- "$@" |
		while IFS= read -r f; do
			[[ ! -f $f ]] || printf '%s\n' "$f"
		done
}

# Files with a shebang of a shell, and those that such files source
shell_files()
{
	files harness .ci | while IFS= read -r f; do
		head -n 1 "$f" | grep -qE '^#!.*\b(ba)?sh$|^# shellcheck shell=' &&
			printf '%s\n' "$f"
	done
}

gate_spdx()
{
	local f bad=0

	while IFS= read -r f; do
		case $f in
		COPYING | *.patch | .editorconfig | */skips/* | */settings | */.gitignore | .gitignore) continue ;;
		series/*.msg | Documentation/ABI/*) continue ;;
		*/configs/* | */tests/*.out | */config | */.kunitconfig | */trace-events | *.env | README.md) continue ;;
		esac
		head -n 3 "$f" | grep -q SPDX-License-Identifier ||
			{ say "$f: no SPDX line"; bad=1; }
	done < <(files .)
	return "$bad"
}

gate_shellcheck()
{
	local list

	mapfile -t list < <(shell_files)
	((${#list[@]})) && shellcheck -x -P SCRIPTDIR -S warning "${list[@]}"
}

# Checks that want a look at other files are run in the tree.
checkpatch()
{
	perl "$tree/scripts/checkpatch.pl" --root="$tree" --strict --terse \
		--show-types --no-summary "$@" 2>/dev/null
}

# What stands, and why. FILE_PATH_CHANGES: MAINTAINERS is the series' affair.
# COMMIT_MESSAGE, MISSING_SIGN_OFF: so are they. SPDX_LICENSE_TAG: wants Python
# modules that aren't installed; gate_spdx looks at it.
ignored=FILE_PATH_CHANGES,COMMIT_MESSAGE,MISSING_SIGN_OFF,SPDX_LICENSE_TAG
# VOLATILE: memory that a device writes, seen from user space. BRACES: the
# EXPECT macros of kselftest_harness.h end in an optional block.
ignored_in_programs=VOLATILE,BRACES

gate_checkpatch()
{
	local f bad=0

	while IFS= read -r f; do
		checkpatch --ignore "$ignored,$ignored_in_programs" -f "$f" || bad=1
	done < <(files 'harness/*.c')
	return "$bad"
}

# What is posted: every line of all entries that names something of ours
listed()
{
	local entry item

	while IFS= read -r entry; do
		entry_files "$entry"
		while IFS= read -r item; do
			compgen -G "patches/*/${item#patches/}" ||
				say "$entry: $item, which no base has"
		done < <(entry_items "$entry" | grep '^patches/')
	done < <(entries) | sort
}

# A subject, an empty line, and a text that stands without the subject
check_message()
{
	local name length bad=0

	name=$(basename "$1")
	length=$(head -n 1 "$1" | wc -m)
	((length > 20 && length <= 76)) ||
		{ say "$name: a subject of $length characters"; bad=1; }
	[[ -z $(sed -n 2p "$1") && -n $(sed -n 3p "$1") ]] ||
		{ say "$name: no empty line below the subject"; bad=1; }
	[[ $name == *-cover.msg || $(head -n 1 "$1") =~ ^[^:]+(:\ [^:]+)?:\ [A-Z][^.]*$ ]] ||
		{ say "$name: subject: not \"prefix: Capitalised imperative\""; bad=1; }
	! sed '/^---$/,$d' "$1" | grep -nE '.{76}|[[:space:]]$' ||
		{ say "$name: too long, or blanks at the end"; bad=1; }
	! grep '^#' "$1" | grep -vxE '#(if 6\.[0-9]+|else|endif)' ||
		{ say "$name: neither #if BASE, #else nor #endif"; bad=1; }
	! grep -nE '^[A-Z][a-z]+(-[a-z]+)+: .*@' "$1" ||
		{ say "$name: names a person"; bad=1; }
	return "$bad"
}

# Every whole file and every patch is in one entry of the series, and one only.
gate_series()
{
	local msg bad=0 ours

	ours=$({ files "${slices[@]}"; files 'patches/*.patch'; } | sort)
	diff <(printf '%s\n' "$ours") <(listed) || bad=1
	for msg in series/*.msg; do
		check_message "$msg" || bad=1
	done
	return "$bad"
}

gate_cocci()
{
	"$root/harness/cocci.sh"
}

# Warnings, without the place of the tree and the lines' numbers
warnings()
{
	grep -E 'warning:|error:' |
		sed -E "s/^ *//; s|^$tree/||; s|^$out/base/||; s|:[0-9]+(:[0-9]+)?:|:|" |
		sort -u
}

# The drivers that ask about pairs, and that aren't in the test kernels. Their
# base has comments of its own that aren't as W=1 wants them.
gate_users()
{
	local file new

	"$root/harness/build.sh" users
	new=$(comm -23 <(warnings <"$logs/build-users.log") <(
		sed -nE 's|^  CC.* (drivers/.*)\.o$|\1.c|p' "$logs/build-users.log" |
		while IFS= read -r file; do
			[[ ! -f $out/base/$file ]] ||
				perl "$tree/scripts/kernel-doc" -none "$out/base/$file" 2>&1
		done | warnings))
	[[ -z $new ]] && return
	say "$new"
	return 1
}

gate_kernel_doc()
{
	local list script=$tree/scripts/kernel-doc options=(-none -Werror)

	mapfile -t list < <(files 'block/*.c' 'drivers/pci/*.[ch]' 'include/*.h' 'samples/*.[ch]')
	# 6.1's has one level of warnings only.
	! grep -q Wall "$script" || options+=(-Wall)
	perl "$script" "${options[@]}" "${list[@]}"
}

gate_w1()
{
	"$root/harness/build.sh" lint
	! grep -E '\[-W' "$logs/build-lint.log"
}

gate_sparse()
{
	! grep -v '\[-W' "$logs/build-lint.log" |
		grep -E '(block|drivers/pci|samples/pci-p2pdma)/(blk-p2pdma|p2pdma|tests/)[^ ]*: (warning|error)'
}

# The base's semantic patches on our files. "make coccicheck" would go over the
# whole directory, and ends at the two scripts that want an OCaml compiler.
gate_coccicheck()
{
	local list script needs_ocaml=0

	mapfile -t list < <(our_sources)
	cd "$tree"
	: >"$logs/cocci.out"
	while IFS= read -r script; do
		if grep -q 'ocaml' "$script"; then
			((++needs_ocaml))
			continue
		fi
		spatch -D report --no-show-diff --very-quiet --timeout 60 \
			--cocci-file "$script" "${list[@]}" \
			2>/dev/null >>"$logs/cocci.out" || return 1
	done < <(find scripts/coccinelle -name '*.cocci' | sort)
	say "$needs_ocaml scripts want OCaml and were left out"
	cat "$logs/cocci.out"
	[[ ! -s $logs/cocci.out ]]
}

# Sphinx, the manual page, the ABI entries
gate_docs()
{
	"$root/harness/docs.sh"
}

passed=0 failed=0
gate()
{
	local start=$SECONDS

	if "gate_$1" >"$logs/lint-$1.log" 2>&1; then
		say "  ok: $1, $((SECONDS - start)) s"
		((++passed))
		return
	fi
	((++failed))
	say "  not ok: $1"
	tail -n 20 "$logs/lint-$1.log" | sed 's/^/    /'
	say "  the whole log: $logs/lint-$1.log"
}

all=(spdx shellcheck checkpatch kernel_doc series cocci docs w1 sparse coccicheck users)
(($#)) || set -- "${all[@]}"
say "Lint ($base)"
for name; do
	gate "$name"
done
say "lint: $passed passed, $failed failed"
((!failed))
