# SPDX-License-Identifier: BSD-2-Clause
# The three tiers of tests, all run by tools/runtests. The makefiles in tests/ add to GUEST_TESTS (Multiboot kernels
# that run in a VM) and to the lists of pure sources; mk/runtests.mk uses what they have set.

GUEST_TESTS :=

# What has no side effects and is tested on the host. A module whose header a unit test includes is meant to be so;
# these lists add what such modules call in turn.
TESTED := $(wildcard $(sort $(shell cat /dev/null $(wildcard tests/unit/*.c tests/unit/*.h) | \
 sed -n 's/^\#include "\(.*\)\.h"$$/\1.c/p')))
PURE_VMM := $(call sources,vmm/devemu vmm/insn) $(wildcard vmm/load_*.c vmm/memmap.c vmm/inject.c vmm/acpi_*.c \
 vmm/cpuid*.c vmm/msr*.c vmm/lib/ring.c vmm/lib/selector.c vmm/lib/format.c vmm/lib/elf*.c vmm/root/config*.c) \
 $(filter vmm/%,$(TESTED))
PURE_HV := $(wildcard hv/avl.c hv/pool.c hv/ptab.c hv/quota.c hv/ept/ept.c hv/x86/acpi*.c) \
 $(filter-out hv/lib.c,$(filter hv/%,$(TESTED)))

TEST ?=
RUNTESTS := BULKHEAD_BUILT=1 tools/runtests --jobs 2 $(if $(TEST),--only '$(TEST)')

.PHONY: test test-unit test-guest test-system
