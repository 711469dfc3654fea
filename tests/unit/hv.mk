# SPDX-License-Identifier: BSD-2-Clause
# The kernel's modules that host tests link: all that is not hardware. What is, comes from tests/unit/fake: hw.c, the
# headers in fake/hv, and the image's symbols.

PURE_HV := $(sort $(PURE_HV) hv/avl.c hv/bootmem.c hv/cap.c hv/ec.c hv/ept/ept.c hv/lib.c hv/mapping.c hv/multiboot2.c \
 hv/object.c hv/pd.c hv/pool.c hv/pt.c hv/ptab.c hv/quota.c hv/reclaim.c hv/sc.c hv/sm.c hv/spaces.c hv/timeout.c \
 hv/x86/paging.c hv/x86/tsc.c)

# The kernel's own memset and the like take other names, so that the test program keeps those of the C library, which
# the sanitizer watches.
$(BUILD)/obj/fake/hv/lib.c.o: UNIT_CFLAGS += $(foreach name,memset memcpy memcmp strlen,-D$(name)=kernel_$(name))

# A fake header that is new takes the place of one that an object was compiled with: that shows in its date only.
$(call objects,fake,$(PURE_HV) $(wildcard tests/unit/test_*.c)): $(shell find tests/unit/fake -name '*.h')

FAKE_IMAGE := $(BUILD)/obj/fake/tests/unit/fake/image.asm.o

$(FAKE_IMAGE): tests/unit/fake/image.asm | $(BUILD)/deps-build
	$(call say,NASM,$<)
	$(Q)mkdir -p $(@D) && $(NASM) $(NASMFLAGS) $< -o $@

$(BUILD)/host/libpure.a: $(FAKE_IMAGE)
