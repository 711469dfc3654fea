# SPDX-License-Identifier: BSD-2-Clause
# How the tests are built and run, after the makefiles in tests/ have filled the lists of mk/test.mk.
# Unit tests: one cmocka program for each tests/unit/test_*.c, linked with one archive of all pure modules. Both are
# built with the address and undefined-behaviour sanitizers. Kernel modules find tests/unit/fake before the tree, so
# that what touches the CPU is replaced by include path.

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
UNIT_CFLAGS := $(filter-out -O2,$(HOST_CFLAGS)) -O1 $(SANITIZE)

UNIT_NAMES := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_TESTS := $(UNIT_NAMES:%=$(BUILD)/host/%)
PURE_OBJECTS := $(call objects,host,$(sort $(PURE_VMM))) \
 $(call objects,fake,$(sort $(PURE_HV) $(wildcard tests/unit/fake/*.c)))

$(BUILD)/obj/host/%.c.o: %.c | $(BUILD)/deps-test
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D) && $(HOSTCC) $(UNIT_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/fake/%.c.o: %.c | $(BUILD)/deps-test
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D) && $(HOSTCC) -Itests/unit/fake $(UNIT_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/host/libpure.a: $(PURE_OBJECTS)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D) && rm -f $@ && ar rcs $@ $^

# A test of a kernel module includes the fakes as the module does.
$(UNIT_TESTS): $(BUILD)/host/%: $(BUILD)/obj/fake/tests/unit/%.c.o $(BUILD)/host/libpure.a
	$(call say,LD,$@)
	$(Q)$(HOSTCC) $(SANITIZE) -o $@ $^ -lcmocka

UNIT_ARGUMENTS = $(addprefix --unit ,$(UNIT_TESTS))
GUEST_ARGUMENTS = $(addprefix --guest ,$(GUEST_TESTS))
SYSTEM_ARGUMENTS = $(addprefix --system ,$(sort $(wildcard tests/system/*.py)))
MACHINE_NEEDS := system $(BUILD)/host/bhconf

test: $(UNIT_TESTS) $(MACHINE_NEEDS) $(GUEST_TESTS) $(TEST_PROGRAMS) $(GUESTS) | $(BUILD)/deps-run $(BUILD)/deps-test
	@$(RUNTESTS) $(UNIT_ARGUMENTS) $(GUEST_ARGUMENTS) $(SYSTEM_ARGUMENTS)

test-unit: $(UNIT_TESTS) | $(BUILD)/deps-test
	@$(RUNTESTS) $(UNIT_ARGUMENTS)

test-guest: $(MACHINE_NEEDS) $(GUEST_TESTS) | $(BUILD)/deps-run
	@$(RUNTESTS) $(GUEST_ARGUMENTS)

test-system: $(MACHINE_NEEDS) $(TEST_PROGRAMS) $(GUESTS) | $(BUILD)/deps-run $(BUILD)/deps-test
	@$(RUNTESTS) $(SYSTEM_ARGUMENTS)

# Every guest test holds on the bare emulator, too: a claim that hardware does not keep is a wrong claim.
.PHONY: check-guest-native
check-guest-native: $(GUEST_TESTS) | $(BUILD)/deps-run
	@$(RUNTESTS) $(addprefix --native ,$(GUEST_TESTS))
