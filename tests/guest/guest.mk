# SPDX-License-Identifier: BSD-2-Clause
# Guest tests: small Multiboot kernels that run in a VM. tests/guest/NAME.c, with NAME.asm and NAME_forms.asm where there
# are such and the library, becomes build/tests/guest/NAME.elf; crash_*.c are guests that come to grief, for the system
# tests. Linked as ELF64, then rewritten as ELF32: what every Multiboot loader takes.

GUEST_CFLAGS := $(COMMON) $(MACHINE)
GUEST_LIB := $(call sources,tests/guest/lib)
GUEST_NAMES := $(patsubst tests/guest/%.c,%,$(sort $(wildcard tests/guest/*.c)))
GUEST_ELF = $(BUILD)/tests/guest/$(1).elf

GUEST_TESTS += $(foreach name,$(filter-out crash_%,$(GUEST_NAMES)),$(call GUEST_ELF,$(name)))
GUEST_CRASHES := $(foreach name,$(filter crash_%,$(GUEST_NAMES)),$(call GUEST_ELF,$(name)))

$(BUILD)/obj/guest/%.c.o: %.c | $(BUILD)/deps-build
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/guest/%.asm.o: %.asm | $(BUILD)/deps-build
	$(call say,NASM,$<)
	$(Q)mkdir -p $(@D) && $(NASM) $(NASMFLAGS) -MD $(@:.o=.d) -MP -MT $@ $< -o $@

# $(1): name of the test
define guest_test
$(call GUEST_ELF,$(1)): $(call objects,guest,$(sort $(wildcard tests/guest/$(1).c tests/guest/$(1).asm tests/guest/$(1)_forms.asm)) $(GUEST_LIB)) \
 tests/guest/lib/guest.ld
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $(LD) -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096 \
	 -T tests/guest/lib/guest.ld -o $$@.64 $$(filter %.o,$$^)
	$$(Q)objcopy --strip-debug -O elf32-i386 $$@.64 $$@
endef
$(foreach name,$(GUEST_NAMES),$(eval $(call guest_test,$(name))))

test test-system: $(GUEST_CRASHES)
