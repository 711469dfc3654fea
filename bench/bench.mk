# SPDX-License-Identifier: BSD-2-Clause
# What `make bench` runs besides bench/micro, which stands in for the root task (mk/build.mk): a Multiboot guest that
# measures the exits of a VM, linked with the library of the guest tests, and process 1 of the Linux that is measured.

BENCH_GUEST := $(BUILD)/bench/exits.elf
BENCH_INIT := $(BUILD)/bench/init
MUSL_LIB := $(dir $(MUSL_LIBC))

$(BENCH_GUEST): $(call objects,guest,bench/exits.c $(call sources,tests/guest/lib)) tests/guest/lib/guest.ld
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(LD) -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096 \
	 -T tests/guest/lib/guest.ld -o $@.64 $(filter %.o,$^)
	$(Q)$(OBJCOPY) --strip-debug -O elf32-i386 $@.64 $@

$(BENCH_INIT): bench/init.c | $(BUILD)/deps-build
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(COMMON) -fno-pic -no-pie -nostdinc -isystem $(MUSL_INCLUDE) -nostdlib \
	 -static -s -o $@ $(MUSL_LIB)crt1.o $(MUSL_LIB)crti.o $< $(MUSL_LIBC) -lgcc $(MUSL_LIB)crtn.o

BENCH_PROGRAMS += $(BENCH_GUEST) $(BENCH_INIT)
