#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The semantic patch for drivers: it makes of the base's own drivers what our
# patches make of them, but for line breaks, and of one written for the purpose
# what is expected of it.
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

semantic=$root/scripts/coccinelle/api/pci_p2pdma.cocci
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

convert()
{
	spatch --sp-file "$semantic" -D patch --no-includes --include-headers \
		--very-quiet --in-place "$1" >"$scratch/log" 2>&1 ||
		{ cat "$scratch/log"; return 1; }
}

# Tokens, one a line, so that line breaks and indentation make no difference
tokens()
{
	grep -oE '[[:alnum:]_]+|[^[:space:][:alnum:]_]' "$1"
}

# same GOT WANTED NAME
same()
{
	if diff -U 8 <(tokens "$2") <(tokens "$1"); then
		((++passed))
		say "  ok: $3"
	else
		((++failed))
		say "  not ok: $3"
	fi
}

# The base's files with what comes before the conversion, and with all of it
apply()
{
	local dir=$1 patch file
	shift

	for patch; do
		while IFS= read -r file; do
			[[ -e $dir/$file ]] && continue
			mkdir -p "$dir/$(dirname "$file")"
			cp "$out/base/$file" "$dir/$file"
		done < <(sed -n 's|^--- a/||p' "$patch")
		patch -d "$dir" -p1 -s -N --no-backup-if-mismatch -r - <"$patch"
	done
}

# Whoever calls the old API outside of the engine
callers()
{
	(cd "$out/base" && grep -rlE --include='*.[ch]' \
		'\<(pci_p2pdma_distance|pci_p2pmem_(find|alloc_sgl|free_sgl)) ?\(' \
		drivers fs net block | grep -v '^drivers/pci/p2pdma' | sort)
}

say "The semantic patch for drivers ($base)"
shopt -s nullglob	# not every base needs what comes before
before=("$root/patches/$base"/02-nvmet-*.patch)
conversion=("$root/patches/$base"/{03-callers-*,09-nvmet-sgl}.patch)
shopt -u nullglob
apply "$scratch/by-hand" "${before[@]}" "${conversion[@]}"
apply "$scratch/converted" "${before[@]}"
while IFS= read -r file; do
	if [[ ! -e $scratch/converted/$file ]]; then
		mkdir -p "$scratch/converted/$(dirname "$file")"
		cp "$out/base/$file" "$scratch/converted/$file"
	fi
	convert "$scratch/converted/$file"
	[[ -e $scratch/by-hand/$file ]] ||
		die "$file calls the old API, and no patch converts it"
	same "$scratch/converted/$file" "$scratch/by-hand/$file" "$file"
done < <(callers)
cp "$root/harness/cocci/driver.c" "$scratch/driver.c"
convert "$scratch/driver.c"
same "$scratch/driver.c" "$root/harness/cocci/driver.expected" driver.c
cp "$scratch/driver.c" "$scratch/again.c"
convert "$scratch/again.c"
same "$scratch/again.c" "$scratch/driver.c" "driver.c, converted already"
say "cocci: $passed passed, $failed failed"
((failed == 0 && passed > 2))
