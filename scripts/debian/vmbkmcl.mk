# SPDX-License-Identifier: GPL-2.0
# For the Kbuild of a client outside of the library's tree:
#
#   include /usr/share/vmbkmcl/vmbkmcl.mk
#   obj-m += my_client.o
#
# What DKMS has put down when it installed the library for this kernel.
VMBKMCL ?= /usr/src/vmbkmcl/$(KERNELRELEASE)

KBUILD_EXTRA_SYMBOLS += $(VMBKMCL)/Module.symvers
ccflags-y += -I$(VMBKMCL)/include
