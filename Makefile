# SPDX-License-Identifier: GPL-2.0
# PCI peer-to-peer DMA for Linux LTS kernels. "make" prints the verbs.

H := harness

.PHONY: help
help:
	@echo 'make run        show the main job: build a kernel, boot it in QEMU, copy'
	@echo '                from drive to drive through the memory of a third one'
	@echo 'make check      all that CI runs: lint, KUnit and selftests, in a plain'
	@echo '                and in a debug kernel, and the negative controls'
	@echo '                [QUICK=1: what one runs before each commit]'
	@echo 'make shell      a shell in the guest, with the same devices'
	@echo 'make kernel     prepare the tree and build the kernel'
	@echo 'make kunit      the KUnit suites           [SUITE=p2pdma_pool]'
	@echo 'make selftest   the selftests in the guest [TEST=p2pmem_copy]'
	@echo 'make bench      instruction counts, beside those of the untouched base'
	@echo 'make coverage   lines and branches of the engine that the tests run'
	@echo 'make lint       shellcheck, kernel-doc, W=1, sparse, coccicheck'
	@echo 'make series     the patches to post, through checkpatch: out/series/BASE/PART/'
	@echo 'make bisect     build and test each prefix of the series'
	@echo 'make htmldocs   the page for driver authors, by Sphinx, without warnings'
	@echo 'make deb        Debian packages, with Debian'"'"'s configuration [FLAVOUR=cloud]'
	@echo 'make deb-tools  the package of lsp2pdma alone, tried in a fresh Debian'
	@echo 'make deb-boot   boot the kernel from its package: the main job'
	@echo 'make clean      remove out/'
	@echo
	@echo 'BASE=6.12             the LTS base'
	@echo 'ARCH=x86|arm64        of the kernel and of the machine: the host'"'"'s by default, for'
	@echo '                      run, check, shell, kernel, kunit and selftest'
	@echo 'FLAVOUR=plain|debug|kcsan|64k   the kernel, for shell, kernel, kunit, selftest'
	@echo 'FLAVOUR=cloud|generic|rt    Debian'"'"'s kernel, for deb and deb-boot'
	@echo 'TOPOLOGY=$(shell ls tools/testing/selftests/pci-p2pdma/qemu | grep -v boot | sed -n 's/\.sh$$//p' | xargs | tr ' ' '|')   the devices, for shell, kunit and selftest'
	@echo 'J=N                   parallel jobs'

export ARCH BASE J

deb_flavour := $(if $(filter undefined,$(origin FLAVOUR)),cloud,$(FLAVOUR))
FLAVOUR ?= plain
TOPOLOGY ?= switch

.PHONY: run check shell kernel kunit selftest bench coverage lint htmldocs deb deb-tools deb-boot series bisect clean
run:
	@$(H)/run.sh

check:
	@$(H)/check.sh

shell: kernel
	@$(H)/initramfs.sh
	@$(H)/boot.sh shell $(FLAVOUR) $(TOPOLOGY) shell kunit.enable=0 quiet

kernel:
	@$(H)/deps.sh run
	@$(H)/prepare.sh
	@$(H)/build.sh $(FLAVOUR)
	@$(H)/compdb.sh $(FLAVOUR)

kunit: kernel
	@$(H)/one.sh kunit $(FLAVOUR) $(TOPOLOGY) $(SUITE)

selftest: kernel
	@$(H)/one.sh selftest $(FLAVOUR) $(TOPOLOGY) $(TEST)

bench:
	@$(H)/bench.sh

coverage:
	@$(H)/cover.sh

lint:
	@$(H)/deps.sh check
	@$(H)/prepare.sh
	@$(H)/lint.sh

series:
	@$(H)/deps.sh run
	@$(H)/prepare.sh
	@$(H)/series.sh

bisect:
	@$(H)/deps.sh check
	@$(H)/bisect.sh

htmldocs:
	@$(H)/deps.sh docs
	@$(H)/prepare.sh
	@$(H)/docs.sh

deb:
	@$(H)/deb.sh $(deb_flavour)

deb-tools:
	@$(H)/deb-tools.sh
	@$(H)/deb-tools-test.sh

deb-boot:
	@$(H)/deb-boot.sh $(deb_flavour)

clean:
	rm -rf out compile_commands.json
