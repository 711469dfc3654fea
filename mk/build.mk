# SPDX-License-Identifier: BSD-2-Clause
# The programs: the microhypervisor, user programs (root partition manager, VMM, test programs), host tools, guests.
# A directory that does not exist yields no objects; everything found in one is built.

CC := gcc
LD := ld
OBJCOPY := objcopy
NASM := nasm
HOSTCC := gcc
CLANG := clang

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wstrict-prototypes
COMMON := -std=c17 -O2 -g -fno-strict-aliasing $(WARNINGS) -I.
MACHINE := -ffreestanding -mno-red-zone -mgeneral-regs-only -fno-pic -fno-stack-protector -fcf-protection=none \
 -fno-asynchronous-unwind-tables
MUSL_INCLUDE ?= /usr/include/x86_64-linux-musl
MUSL_LIBC ?= /usr/lib/x86_64-linux-musl/libc.a

HV_CFLAGS := $(COMMON) $(MACHINE) -mcmodel=kernel
USER_CFLAGS := $(COMMON) $(filter-out -ffreestanding,$(MACHINE)) -no-pie -nostdinc -isystem $(MUSL_INCLUDE)
HOST_CFLAGS := $(COMMON)
NASMFLAGS := -f elf64 -g -F dwarf -I. -I$(BUILD)/gen/ -w+error
USER_LDFLAGS := -nostdlib -nostartfiles -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
 -Wl,-z,max-page-size=4096 -Wl,--gc-sections
HV_LDFLAGS := -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096

# sources in a directory, and in a directory with all below it
sources = $(sort $(wildcard $(addsuffix /*.c,$(1)) $(addsuffix /*.asm,$(1))))
objects = $(addprefix $(BUILD)/obj/$(1)/,$(addsuffix .o,$(2)))

OFFSETS := $(if $(wildcard hv/offsets.c),$(BUILD)/gen/offsets.inc)
KERNEL := $(BUILD)/hv/bulkhead.elf
ROOT := $(BUILD)/vmm/root.elf
VMM := $(BUILD)/vmm/vmm.elf

HV_SOURCES := $(filter-out hv/offsets.c,$(call sources,boot hv hv/x86 hv/vmx hv/ept))
LIB_SOURCES := $(call sources,vmm/lib)
ROOT_SOURCES := $(call sources,vmm/root)
VMM_SOURCES := $(call sources,vmm vmm/devemu vmm/insn)

# A directory under tests/system with C sources is a user program that stands in for the root task.
TEST_PROGRAM_NAMES := $(sort $(patsubst tests/system/%/,%,$(dir $(wildcard tests/system/*/*.c))))
TEST_PROGRAMS := $(TEST_PROGRAM_NAMES:%=$(BUILD)/tests/%.elf)

# The same in bench/: a program that measures in place of the root task.
BENCH_NAMES := $(sort $(patsubst bench/%/,%,$(dir $(wildcard bench/*/*.c))))
BENCH_PROGRAMS := $(BENCH_NAMES:%=$(BUILD)/bench/%.elf)

GUESTS := $(BUILD)/images/linux/vmlinuz

.PHONY: system
system: $(KERNEL) $(ROOT) $(VMM)

.PRECIOUS: $(BUILD)/deps-%
# What each part needs on the host is installed, or asked for, before anything is built with it.
$(BUILD)/deps-%: tools/deps
	@tools/deps $*
	@mkdir -p $(@D) && touch $@

$(BUILD)/obj/hv/%.c.o: %.c | $(BUILD)/deps-build
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(HV_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/user/%.c.o: %.c | $(BUILD)/deps-build
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(USER_CFLAGS) -ffunction-sections -fdata-sections -MMD -MP -c $< -o $@

define nasm_rule
$(BUILD)/obj/$(1)/%.asm.o: %.asm $(OFFSETS) | $(BUILD)/deps-build
	$$(call say,NASM,$$<)
	$$(Q)mkdir -p $$(@D) && $(NASM) $(NASMFLAGS) -MD $$(@:.o=.d) -MP -MT $$@ $$< -o $$@
endef
$(eval $(call nasm_rule,hv))
$(eval $(call nasm_rule,user))

# hv/offsets.c is compiled to assembly in which lines `.ascii "->NAME VALUE"` give the layouts that NASM code needs.
$(BUILD)/gen/offsets.inc: hv/offsets.c | $(BUILD)/deps-build
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(HV_CFLAGS) -MMD -MP -MF $@.d -MT $@ -S $< -o $@.s
	$(Q)sed -n 's/^.*"->\([A-Za-z0-9_]*\) [$$#]*\(-\{0,1\}[0-9][0-9a-fx]*\)".*$$/%define \1 \2/p' $@.s > $@
	$(Q)test -s $@

# What is loaded carries no symbols: they would lie in the machine's memory. They are beside it, in NAME.elf.debug.
$(KERNEL): $(call objects,hv,$(HV_SOURCES)) boot/hv.ld
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(LD) $(HV_LDFLAGS) -T boot/hv.ld -o $@.debug $(filter %.o,$^)
	$(Q)$(OBJCOPY) --strip-all $@.debug $@

# $(1): the program, $(2): its sources, $(3): its link map
define user_program
$(1): $(call objects,user,$(2) $(LIB_SOURCES)) $(3)
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $(CC) $(USER_LDFLAGS) -T $(3) -o $$@.debug $$(filter %.o,$$^) $(MUSL_LIBC) -lgcc
	$$(Q)$(OBJCOPY) --strip-all $$@.debug $$@
endef
$(eval $(call user_program,$(ROOT),$(ROOT_SOURCES),boot/root.ld))
$(eval $(call user_program,$(VMM),$(VMM_SOURCES),boot/user.ld))
$(foreach name,$(TEST_PROGRAM_NAMES),$(eval $(call \
 user_program,$(BUILD)/tests/$(name).elf,$(call sources,tests/system/$(name)),boot/root.ld)))

$(foreach name,$(BENCH_NAMES),$(eval $(call \
 user_program,$(BUILD)/bench/$(name).elf,$(call sources,bench/$(name)),boot/root.ld)))

$(BUILD)/host/bhconf: tools/bhconf.c $(wildcard vmm/root/config*.c vmm/root/config*.h) | $(BUILD)/deps-build
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D) && $(HOSTCC) $(HOST_CFLAGS) -o $@ $(filter %.c,$^)

$(BUILD)/images/linux/vmlinuz: images/linux/recipe images/linux/init tools/initramfs | $(BUILD)/deps-build
	$(call say,GUEST,$(@D))
	$(Q)images/linux/recipe $(@D)

-include $(shell test -d $(BUILD) && find $(BUILD)/obj $(BUILD)/gen -name '*.d' 2>/dev/null)
