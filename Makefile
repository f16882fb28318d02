# SPDX-License-Identifier: GPL-2.0
# Verbs only; the objects and their flags are in Kbuild, which kbuild prefers to
# this file. "make" alone lists the verbs.

KVER	?= $(shell uname -r)
KDIR	?= /lib/modules/$(KVER)/build
DESTDIR	?=
# The clients in drivers/clients are there to be read and tried: y builds and
# installs them, too.
EXAMPLES ?=

# Kbuild's own output is enough; V=1 shows the commands.
KBUILD	= $(MAKE) -C $(KDIR) M=$(CURDIR) EXAMPLES=$(EXAMPLES)

# The scripts build for kernels of their own choice: nothing that was said to
# this make may reach theirs.
RUN	= env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES

.PHONY: help
help:
	@echo 'vmbkmcl $(shell scripts/dev-files.sh version): KMCL for Linux guests on Hyper-V'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## *\(.*\)$$/  make \1|\2/p' Makefile | \
		awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'
	@echo
	@echo '  KVER=<release> is the kernel to build for (now $(KVER)),'
	@echo '  KDIR=<folder> its headers (now $(KDIR)),'
	@echo '  DESTDIR=<folder> the root that install and uninstall work in,'
	@echo '  EXAMPLES=y for the model clients of drivers/clients, too.'

# Of a kernel that we build for. What install refuses it says before the build.
.PHONY: headers
headers: export KVER := $(KVER)
headers: export KDIR := $(KDIR)
headers: export DESTDIR := $(DESTDIR)
headers:
	@$(RUN) scripts/install.sh check $(filter install,$(MAKECMDGOALS))

# Building and installing

install uninstall dkms-install sign: export KVER := $(KVER)
install uninstall dkms-install sign: export KDIR := $(KDIR)
install uninstall: export DESTDIR := $(DESTDIR)

.PHONY: modules
modules: headers ## build the modules against KDIR (EXAMPLES=y)
	$(KBUILD) modules

.PHONY: clean
clean: headers ## remove what the build left
	$(KBUILD) clean

.PHONY: install
install: modules ## build and install modules, header and Module.symvers (DESTDIR)
	@$(RUN) scripts/install.sh install

.PHONY: uninstall
uninstall: ## remove what install put down (DESTDIR)
	@$(RUN) scripts/install.sh uninstall

.PHONY: dkms-install
dkms-install: ## hand the sources to DKMS; it builds and installs for KVER
	@$(RUN) scripts/dkms.sh install

.PHONY: dkms-remove
dkms-remove: ## take every registered version out of DKMS
	@$(RUN) scripts/dkms.sh remove

.PHONY: sign
sign: ## sign the built modules for Secure Boot (KEY=, CERT=)
	@$(RUN) scripts/sign.sh

.PHONY: deb
deb: ## build Debian packages for DKMS and for clients into build/deb
	@$(RUN) scripts/deb.sh

.PHONY: release
release: ## archive and checks of a release (VERSION=x.y.z; TAG=y tags it)
	@$(RUN) scripts/release.sh $(VERSION) $(if $(filter y,$(TAG)),--tag)

.PHONY: patch
patch: ## the library as a patch series for a kernel tree, in build/patch
	@$(RUN) scripts/patch.sh

# Seeing it work

.PHONY: demo
demo: ## boot a Hyper-V guest and watch packets go through
	@$(RUN) scripts/demo.sh

.PHONY: demo-loopback
demo-loopback: ## a server and a client in one kernel, on any machine
	@$(RUN) scripts/demo-loopback.sh

.PHONY: demo-balloon
demo-balloon: ## QEMU's Dynamic Memory inflates and deflates our balloon
	@$(RUN) scripts/demo-balloon.sh

.PHONY: demo-heartbeat
demo-heartbeat: ## a host asks hv_utils, and then our client, whether it lives
	@$(RUN) scripts/demo-heartbeat.sh

.PHONY: guest
guest: ## your client and your host's end in a Hyper-V guest (CLIENT=, HOST=)
	@$(RUN) scripts/guest.sh

.PHONY: new-client
new-client: ## write a client that works, to be changed (NAME=, GUID=, DIR=)
	@$(RUN) scripts/new-client.sh

.PHONY: bench
bench: ## instructions and allocations per packet
	@$(RUN) scripts/bench.sh $(if $(BENCH_PROFILE),--profile)

.PHONY: bench-guest
bench-guest: ## our clients against others in a Hyper-V guest
	@$(RUN) scripts/bench-guest.sh

# Tests

.PHONY: check
check: ## all tests; ends with 'N passed, N failed, N skipped'
	@$(RUN) scripts/check.sh

.PHONY: matrix
matrix: ## a table of kernels: built, KUnit, loopback, guests
	@$(RUN) scripts/matrix.sh

.PHONY: kernel-report
kernel-report: ## what a kernel has of what the modules lean on (KERNEL=newest)
	@$(RUN) scripts/kernel-report.sh $(KERNEL)

.PHONY: patch-check
patch-check: ## the patch series applies, and compiles in a kernel tree
	@$(RUN) scripts/patch.sh --check

.PHONY: check-debug
check-debug: ## KUnit and guests with KASAN, UBSAN, lockdep, kmemleak and others
	@$(RUN) scripts/check.sh --debug

.PHONY: kunit
kunit: ## the KUnit suites on a kernel of their own
	@$(RUN) scripts/kunit.sh

.PHONY: kselftest
kselftest: ## load, bind, traffic, unbind, unload in a guest
	@$(RUN) scripts/kselftest.sh

.PHONY: neighbours-check
neighbours-check: ## our clients beside hv_balloon and hv_utils on one bus
	@$(RUN) scripts/check-neighbours.sh

.PHONY: tracing-check
tracing-check: ## the documented commands for perf, trace-cmd, bpftrace
	@$(RUN) scripts/check-tracing.sh

.PHONY: picture
picture: ## draw drivers/kmcl/life.svg from a trace of channels' lives
	@$(RUN) scripts/check-tracing.sh --picture

.PHONY: fuzz
fuzz: ## wire and channels with ASan, UBSan and libFuzzer (FUZZ_SECONDS=60)
	@$(RUN) scripts/fuzz.sh

.PHONY: soak
soak: ## the same for hours, and a table (SOAK_SECONDS=3600)
	@$(RUN) scripts/fuzz.sh --soak

.PHONY: mutants
mutants: ## plant faults in the library, one at a time; a test must notice
	@$(RUN) scripts/mutants.py

.PHONY: dkms-check
dkms-check: ## DKMS add, build, install, remove in a scratch tree
	@$(RUN) scripts/check-dkms.sh

.PHONY: install-check
install-check: ## what a user does, in a clean Debian 12
	@$(RUN) scripts/check-install.sh

.PHONY: secure-boot-check
secure-boot-check: ## signed and unsigned modules in a guest with Secure Boot
	@$(RUN) scripts/check-secure-boot.sh

.PHONY: deb-check
deb-check: ## install, upgrade, remove, purge the packages in a clean Debian 12, 13
	@$(RUN) scripts/check-deb.sh

.PHONY: static
static: ## every static check; the next ones are part of it
	@$(RUN) scripts/check-static.sh

.PHONY: sparse
sparse: ## sparse, with endian checks
	@$(RUN) scripts/check-static.sh sparse

.PHONY: checkpatch
checkpatch: ## checkpatch --strict on every C file
	@$(RUN) scripts/check-static.sh checkpatch

.PHONY: kernel-doc
kernel-doc: ## kernel-doc without a warning
	@$(RUN) scripts/check-static.sh kernel-doc

.PHONY: coccicheck
coccicheck: ## the semantic patches of the kernel
	@$(RUN) scripts/check-static.sh coccicheck

.PHONY: analyze
analyze: ## gcc -fanalyzer and clang's analyser, in user space
	@$(RUN) scripts/check-static.sh analyze
