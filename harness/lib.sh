# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What every script of the harness uses. Sourced, after "set -euo pipefail".

# shellcheck disable=SC2034	# used by those who source this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
base=${BASE:-6.12}
# What the kernel's make calls it
arch=${ARCH:-$(uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')}
# "6.12" is of x86, where all is tested
variant=$base
[[ $arch == x86 ]] || variant+=-$arch
out=${OUT:-$root/out/$variant}	# OUT: another place for a tree and its builds
logs=$out/logs
tests=$root/tools/testing/selftests/pci-p2pdma
tree=$out/tree
jobs=${J:-$(($(nproc) + 1))}
# The tools of the packages that deps.sh asks for, not what shadows them
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
# Directories of this repository that are a slice of the kernel tree
slices=(Documentation block drivers include samples scripts tools)

say()
{
	printf '%s\n' "$*"
}

die()
{
	printf 'error: %s\n' "$*" >&2
	exit 1
}

# The names that arch/*.env set
arch_machine='' arch_debian='' arch_image='' arch_packages=()
arch_cross='' arch_cross_packages=()

load_arch()
{
	[[ -f $root/harness/arch/$arch.env ]] ||
		die "no such architecture: $arch; there are, as ARCH=:" \
		    "$(cd "$root/harness/arch" && echo *.env | sed 's/\.env//g')"
	# shellcheck source=harness/arch/arm64.env
	. "$root/harness/arch/$arch.env"
	if is_foreign; then
		[[ -n $arch_cross ]] ||
			die "ARCH=$arch can't be built on $(uname -m): no cross" \
			    "compiler is known for it; build it on $arch_machine"
		arch_packages+=("${arch_cross_packages[@]}")
	else
		arch_cross=''
	fi
}

# Whether this machine can build for $arch
can_build()
{
	(load_arch) >/dev/null 2>&1
}

# only_x86 VERB
only_x86()
{
	load_arch
	[[ $arch == x86 ]] ||
		die "make $1 isn't made for ARCH=$arch, which has:" \
		    "run, check, shell, kernel, kunit, selftest"
}

# Of another architecture than this machine
is_foreign()
{
	[[ $(uname -m) != "$arch_machine" ]]
}

# The names that bases/*.env set
base_package='' base_tarball='' base_removed=() base_skips=()
base_absent='' base_memory_noise=0 base_architectures=()
declare -A base_left_out=()

load_base()
{
	[[ -f $root/bases/$base.env ]] ||
		die "no such base: $base; there are: $(cd "$root/bases" && ls)"
	# shellcheck source=bases/6.12.env
	. "$root/bases/$base.env"
	load_arch
	[[ " ${base_architectures[*]} " == *" $arch "* ]] ||
		die "ARCH=$arch isn't tested with BASE=$base, which has: ${base_architectures[*]}"
}

# reason_left_out WHAT: why this base can't have a file or a job (with its
# arguments); fails if it can
reason_left_out()
{
	local what

	for what in "${!base_left_out[@]}"; do
		[[ $1 == "$what" || $1 == "$what",* ]] || continue
		printf '%s\n' "${base_left_out[$what]}"
		return
	done
	return 1
}

# Everything of ours that is compiled into a kernel of this base
our_sources()
{
	local file

	(cd "$root" && find block drivers/pci samples -name '*.c' | sort) |
		while IFS= read -r file; do
			reason_left_out "$file" >/dev/null ||
				printf '%s\n' "$file"
		done
}

# need_space MB PURPOSE: better now than in the middle
need_space()
{
	local free

	free=$(($(df --output=avail -k "$out" | tail -n 1) >> 10))
	((free >= $1)) ||
		die "$2 takes $1 MB of disk space, and $out has only $free MB left"
}

# lock NAME: two runs must not work in one directory. All that is started
# inherits the lock, so that what a killed run has left behind is waited for.
lock()
{
	mkdir -p "$out"
	exec 9>"$out/$1.lock"
	flock -n 9 && return
	say "  waiting for another run in $out/$1, or for what a killed one left behind"
	flock 9
}

# A long step: "step NAME TEXT COMMAND..." sends the command's output to
# logs/NAME.log, shows that it is alive, and on failure shows the end.
step()
{
	local name=$1 text=$2 log=$logs/$1.log start=$SECONDS pid status=0
	local shown=0
	shift 2

	mkdir -p "$logs"
	say "- $text"
	# In a process group of its own, so that nothing of it outlives us. (A
	# background job of a script would ignore Ctrl-C.)
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	trap 'interrupted "$pid" "$text"' INT TERM HUP
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if ((SECONDS - start >= shown + 15)); then
			shown=$((SECONDS - start))
			say "  ... ${shown} s, $(progress "$log")"
		fi
	done
	wait "$pid" || status=$?
	trap - INT TERM HUP
	if ((status)); then
		say "FAILED ($text), exit status $status; its errors, and its end:"
		{ grep -m 10 -E 'error:|Error:|ERROR:' "$log" || true; } |
			sed 's/^/    /'
		tail -n 15 "$log" | sed 's/^/    /'
		say "the whole log: $log"
		return "$status"
	fi
	say "  done in $((SECONDS - start)) s"
}

# interrupted PID TEXT
interrupted()
{
	trap '' INT TERM HUP
	kill -- "-$1" 2>/dev/null || true
	wait "$1" || true
	say "interrupted ($2); the next run goes on"
	exit 130
}

# What a log says of how far the step is
progress()
{
	local compiled

	compiled=$(grep -c '^  \(CC\|AS\|LD\|AR\)' "$1" || true)
	if ((compiled)); then
		printf '%s objects' "$compiled"
	else
		tail -n 1 "$1" | cut -c1-60
	fi
}

# The sources of a build
tree_of()
{
	case $1 in
	untouched) printf '%s\n' "$out/base" ;;
	*-broken) printf '%s\n' "$out/tree-broken" ;;
	*) printf '%s\n' "$tree" ;;
	esac
}

# reproducibly COMMAND...: what it builds depends on the sources only, and comes
# from ccache. Paths under out/ are hashed relative to it, so that a fresh clone
# elsewhere finds what another one has compiled. Depend mode: what is not in the
# cache costs no second run of the preprocessor.
reproducibly()
{
	CCACHE_BASEDIR=$out CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1 \
	CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-10G} \
	CCACHE_IGNOREOPTIONS='-fmacro-prefix-map=*' \
	KBUILD_BUILD_TIMESTAMP='2026-01-01' KBUILD_BUILD_USER=kbuild \
	KBUILD_BUILD_HOST=harness KBUILD_BUILD_VERSION=1 "$@"
}

# make in the prepared tree, for the build NAME, with ccache. Below another make
# it takes as many jobs as that one has to give.
kernel_make()
{
	local name=$1 parallel=("-j$jobs")
	shift

	[[ ${MAKEFLAGS:-} != *--jobserver-auth* ]] || parallel=()

	reproducibly make -C "$(tree_of "$name")" O="$out/$name" \
		"${parallel[@]}" ARCH="$arch" CROSS_COMPILE="$arch_cross" \
		CC="$root/harness/cc.sh" \
		HOSTCC='ccache gcc' "$@"
}

# make_tool DIR [VARIABLE=VALUE...]: lsp2pdma, of the prepared tree
make_tool()
{
	local dir=$1
	shift

	mkdir -p "$dir"
	reproducibly make -C "$tree/tools/pci/lsp2pdma" OUTPUT="$dir/" \
		CC='ccache gcc' "$@"
}

# begin_with BUILD NEW: a kernel that differs little from another one begins as a
# copy of its build, and make compiles what differs. Commands and dependences
# name the tree and the build.
begin_with()
{
	local new=$out/$2.new

	[[ ! -d $out/$2 && -f $out/$1/vmlinux ]] || return 0
	rm -rf "$new"
	cp -a "$out/$1" "$new"
	find "$new" -name '.*.cmd' -exec sed -i \
		-e "s|$out/$1/|$out/$2/|g" \
		-e "s|$(tree_of "$1")/|$(tree_of "$2")/|g" \
		-e "s|\.\./$(basename "$(tree_of "$1")")/|../$(basename "$(tree_of "$2")")/|g" {} +
	mv "$new" "$out/$2"
}

# olddefconfig drops what it can't have without a word.
# verify_config CONFIG FRAGMENT...
verify_config()
{
	python3 - "$@" <<'EOF'
import os, re, sys

def read(path):
    for line in open(path):
        m = re.match(r"(?:# )?(CONFIG_\w+)(?:=(.*)| is not set)$", line)
        if m:
            yield m[1], m[2] or "n"

got, want = dict(read(sys.argv[1])), {}
for fragment in sys.argv[2:]:
    want.update(read(fragment))
absent = os.environ.get("ABSENT", "").split()
lost = [f"{k}={v}, got {got.get(k, 'n')}" for k, v in want.items()
        if got.get(k, "n") != v and k not in absent]
if lost:
    sys.exit("wanted " + "; wanted ".join(lost))
EOF
}
