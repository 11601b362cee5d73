#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The kernel's compiler: gcc with ccache, but for what is assembled. That takes
# in other files (.incbin: the kernel itself, compressed), which ccache's
# depend mode doesn't see: it takes a new kernel of the same size for the old.
for source; do :; done
case $source in
*.S) exec "${CROSS_COMPILE}gcc" "$@" ;;
*) exec ccache "${CROSS_COMPILE}gcc" "$@" ;;
esac
