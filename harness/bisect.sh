#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Walk the series: give its patches to git am, one after another, in a work
# tree of the base; after each build the kernel with P2PDMA on and off, look
# for new warnings at W=1, and run the suites that are there by then.
#
#   out/BASE/bisect    as out/BASE: the tree, the builds, the logs
set -euo pipefail
# shellcheck source=harness/series-lib.sh
. "$(dirname "$0")/series-lib.sh"

here=$root/harness
main_out=$out
export OUT=$out/bisect LOCALVERSION=''
# shellcheck source=harness/tests.sh
. "$here/tests.sh"

builds=0 runs=0
base_commit='' all_sources=()

# The symbols of plain.config that this prefix doesn't have yet
absent()
{
	local symbol

	grep -o 'CONFIG_\w*P2PDMA\w*' "$here/configs/plain.config" |
		sort -u | while IFS= read -r symbol; do
		grep -q "^config ${symbol#CONFIG_}$" "$tree/drivers/pci/Kconfig" \
			"$tree/samples/Kconfig" || printf '%s ' "$symbol"
	done
}

# A full work tree, at the base
start_over()
{
	if [[ -e $tree/.git ]] && git -C "$tree" am --abort 2>/dev/null; then
		:
	fi
	git -C "$tree" checkout -q -f --detach "$base_commit" 2>/dev/null &&
	git -C "$tree" clean -qfdx && return
	rm -rf "$tree"
	in_series_git worktree prune
	in_series_git worktree add -q --detach "$tree" "$base_commit"
}

# The objects of this build that come from files which the series touches
our_objects()
{
	local source object

	for source in "${all_sources[@]}"; do
		object=${source%.c}.o
		[[ ! -f $tree/$source || ! -f $out/$1/$object ]] ||
			printf '%s\n' "$object"
	done
}

build_w1()
{
	local objects

	mapfile -t objects < <(our_objects "$1")
	kernel_make "$1" W=1 "${objects[@]}"
}

# Without the lines' numbers, which patches move
warnings()
{
	cat "$logs/build-$1.log" "$logs/w1-$1.log" |
		{ grep -E 'warning:|error:' || true; } |
		sed -E "s|^.*$tree/||; s|:[0-9]+(:[0-9]+)?:|:|" | sort -u
}

has_no_new_warning()
{
	local new

	new=$(comm -13 "$OUT/warnings-$1" <(warnings "$1"))
	[[ -z $new ]] && return
	printf '%s\n' "$new"
	return 1
}

# build PREFIX FLAVOUR
build()
{
	ABSENT=$(absent) "$here/build.sh" "$2" >"$logs/bisect.log" 2>&1 || {
		tail -n 20 "$logs/bisect.log"
		check "$1: builds, $2" false
		return
	}
	build_w1 "$2" >"$logs/w1-$2.log" 2>&1 || {
		tail -n 20 "$logs/w1-$2.log"
		check "$1: builds at W=1, $2" false
		return
	}
	((++builds))
	if [[ $1 == base ]]; then
		# To what is known: what is up to date isn't compiled again.
		touch "$OUT/warnings-$2"
		sort -u -o "$OUT/warnings-$2" "$OUT/warnings-$2" <(warnings "$2")
		say "  base, $2: $(wc -l <"$OUT/warnings-$2") warnings"
		return
	fi
	check "$1: builds, $2; no new warning" has_no_new_warning "$2"
}

# get_maintainer.pl where MAINTAINERS has our entry only: with all of them its
# self-test takes minutes, and it takes no other file.
get_maintainer()
{
	(cd "$OUT/maintained" && perl scripts/get_maintainer.pl "$@" 2>&1)
}

only_our_entry()
{
	rm -rf "$OUT/maintained"
	mkdir "$OUT/maintained"
	ln -s "$tree"/* "$OUT/maintained/"
	cp "$tree/.git" "$OUT/maintained/"
	rm "$OUT/maintained/MAINTAINERS"
	sed -n '/^PCI PEER-TO-PEER DMA/,/^$/p' "$tree/MAINTAINERS" \
		>"$OUT/maintained/MAINTAINERS"
	grep -q '^F:' "$OUT/maintained/MAINTAINERS"
}

# Each F: line of ours names something, and each new file has one.
maintained()
{
	local bad=0 file sections

	only_our_entry || { say "there is no entry"; return 1; }
	get_maintainer --self-test=patterns | grep 'warning' && bad=1
	while IFS= read -r file; do
		# Not by a pipe: who has read enough would kill it.
		sections=$(get_maintainer --no-git --no-git-fallback \
			--sections -f "$file")
		[[ $sections == *PEER-TO-PEER* ]] ||
			{ say "$file: nobody's"; bad=1; }
	done < <(git -C "$tree" diff --name-only --diff-filter=A HEAD~1 HEAD)
	return "$bad"
}

run_suites()
{
	local program

	if grep -q '^config PCI_P2PDMA_KUNIT_TEST$' "$tree/drivers/pci/Kconfig"
	then
		check "$1: KUnit" "$here/guest.sh" kunit-plain plain bare kunit
		((++runs))
	else
		say "  no KUnit suite yet"
	fi
	[[ -d $tree/tools/testing/selftests/pci-p2pdma ]] || return 0
	for program in p2pmem_sysfs p2pmem_copy p2pmem_lifecycle p2pmem_query; do
		! reason_left_out "$program" >/dev/null || continue
		check "$1: $program" "$here/guest.sh" "$program-plain" plain \
			switch "$program"
		((++runs))
	done
}

# Every file of it
is_prepared_tree()
{
	local different

	different=$(rsync -rlcn --delete --exclude=/.git --out-format='%o %n' \
		"$main_out/tree/" "$tree/" | grep -v '/$') || true
	[[ -z $different ]] && return
	printf '%s\n' "$different" | head -n 20
	return 1
}

# What the prefixes differ in from the whole series is little: so begin with
# that, which the compiler's cache has, and compile what differs.
warm_up()
{
	local flavour

	[[ ! -f $out/plain/vmlinux || ! -f $out/off/vmlinux ]] || return 0
	git -C "$tree" checkout -q -f --detach series
	for flavour in plain off; do
		"$here/build.sh" "$flavour" || true
	done
}

# prefix NAME [PATCH]
prefix()
{
	local start=$SECONDS

	say "$1"
	if [[ -n ${2:-} ]]; then
		git -C "$tree" am -q "$2" || {
			check "$1: git am" false
			verdict
			exit 1
		}
	fi
	build "$1" plain
	build "$1" off
	if [[ -n ${2:-} ]]; then
		check "$1: MAINTAINERS" maintained
		[[ ! -f $out/plain/$arch_image ]] || run_suites "$1"
	fi
	say "  $((SECONDS - start)) s"
}

OUT='' "$here/prepare.sh"
OUT='' "$here/series.sh"
OUT='' "$here/initramfs.sh"
base_commit=$(cat "$series_work/base")
mapfile -t all_sources < <(in_series_git diff --name-only "$base_commit" series |
	grep -E '^(block|drivers|kernel|mm)/.*\.c$')
mkdir -p "$logs"
ln -sf "$main_out/initramfs.cpio" "$out/initramfs.cpio"
step tree "making a work tree of the base" start_over
warm_up
step tree "going back to the base" start_over
prefix base
for part in "${series_parts[@]}"; do
	for patch in "$series_out/${part#*:}"/*.patch; do
		name=$(basename "$patch" .patch)
		[[ ! -f $patch || $name == 0000-* ]] ||
			prefix "${name:0:60}" "$patch"
	done
done
check "the last tree is the prepared tree" is_prepared_tree
say "$builds builds, $runs runs"
verdict
