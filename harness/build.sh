#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build a kernel of the prepared tree.
# usage: build.sh plain|debug|kcsan|off|untouched|coverage|users
#   off: like plain, with CONFIG_PCI_P2PDMA=n
#   untouched: the base as it is, for comparison
#   coverage: like plain, with gcov for our files
#   users: not a kernel, but the files that we change in drivers which aren't
#          in the others
set -euo pipefail
# shellcheck source=harness/lib.sh
. "$(dirname "$0")/lib.sh"

flavour=${1:-plain}
configs=$root/harness/configs
case $flavour in
plain) fragments=("$configs"/{plain,net}.config) ;;
debug) fragments=("$configs"/{plain,debug}.config) ;;
kcsan) fragments=("$configs"/{plain,kcsan}.config) ;;
off) fragments=("$configs"/{plain,net,off}.config) ;;
untouched) fragments=("$configs"/{plain,net,untouched}.config) ;;
coverage) fragments=("$configs"/{plain,coverage}.config) ;;
users) fragments=("$configs"/{plain,users}.config) ;;
*) die "usage: build.sh plain|debug|kcsan|off|untouched|coverage|users" ;;
esac

users=(
	drivers/accel/habanalabs/common/memory.o
	drivers/gpu/drm/amd/amdgpu/amdgpu_device.o
	drivers/gpu/drm/amd/amdgpu/amdgpu_dma_buf.o
	drivers/gpu/drm/xe/xe_dma_buf.o
)

# "GCOV_PROFILE_x.o=y" for each of our files is a variable of the kernel's make.
variables=()
[[ $flavour != coverage ]] || mapfile -t variables < <(
	cd "$root/drivers/pci" && find . -maxdepth 1 -name 'p2pdma*.c' \
		-printf 'GCOV_PROFILE_%f\n' | sed 's/c$/o=y/')

# olddefconfig drops what it can't have without a word. ABSENT: symbols that
# this tree is known not to have.
verify_config()
{
	python3 - "$out/$flavour/.config" "${fragments[@]}" <<'EOF'
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

configure()
{
	local stamp

	mkdir -p "$out/$flavour"
	stamp=$(cat "${fragments[@]}" "$(tree_of "$flavour")/drivers/pci/Kconfig" \
		"$tree/Makefile" | sha256sum)
	[[ -f $out/$flavour/.config && -f $out/$flavour/config.stamp &&
	   $(cat "$out/$flavour/config.stamp") == "$stamp" ]] && return
	kernel_make "$flavour" -s tinyconfig
	cat "${fragments[@]}" >>"$out/$flavour/.config"
	kernel_make "$flavour" -s olddefconfig
	verify_config
	printf '%s\n' "$stamp" >"$out/$flavour/config.stamp"
}

step "config-$flavour" "configuring the $flavour kernel" configure
if [[ $flavour == users ]]; then
	step "build-$flavour" "compiling the drivers that no test runs" \
		kernel_make "$flavour" W=1 "${users[@]}"
	exit
fi
step "build-$flavour" "building the $flavour kernel with $jobs jobs" \
	kernel_make "$flavour" "${variables[@]}" bzImage modules
