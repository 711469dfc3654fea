# SPDX-License-Identifier: BSD-2-Clause
# Bulkhead's build. `make run` shows the system, `make test` proves it, `make help` lists the rest.
# mk/build.mk makes the programs, mk/test.mk the tests; V=1 shows every command.

BUILD := build
CONF ?= images/linux.conf
RUN_FLAGS ?=

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

ifeq ($(V),1)
Q :=
else
Q := @
endif
say = @printf '  %-7s %s\n' $(1) $(2)

.PHONY: all
all: system

include mk/build.mk
include mk/test.mk
-include $(wildcard tests/*/*.mk bench/*.mk)
include mk/runtests.mk

.PHONY: run guests bench lint clean help
guests: $(GUESTS)

run: system $(BUILD)/host/bhconf $(GUESTS) | $(BUILD)/deps-run
	@BULKHEAD_BUILT=1 tools/bh run $(CONF) $(RUN_FLAGS)

bench: system $(BUILD)/host/bhconf $(GUESTS) $(BENCH_PROGRAMS) | $(BUILD)/deps-run
	@BULKHEAD_BUILT=1 bench/run

lint: export HV_CFLAGS := $(HV_CFLAGS)
lint: export USER_CFLAGS := $(USER_CFLAGS)
lint: export HOST_CFLAGS := $(HOST_CFLAGS)
lint: export GUEST_CFLAGS := $(or $(GUEST_CFLAGS),$(COMMON) $(MACHINE))
lint: $(OFFSETS) | $(BUILD)/deps-lint
	@tools/lint

clean:
	$(call say,CLEAN,$(BUILD))
	$(Q)rm -rf $(BUILD)

help:
	@printf '%s\n' \
	 'make              the microhypervisor, the root partition manager, the VMM' \
	 'make run          boot images/linux.conf in an emulator, console in the terminal' \
	 '                  CONF=FILE another configuration; RUN_FLAGS="--cpus 2 ..." as for tools/bh run' \
	 'make test         all tests: test-unit, test-guest and test-system are the parts; TEST=REGEX selects' \
	 'make bench        what it costs, in ticks; also written to build/bench.json' \
	 'make check-guest-native  the guest tests without Bulkhead, on the bare emulator' \
	 'make lint         warnings of two compilers, clang-format, clang-tidy, cppcheck, the rules of the tree' \
	 'make guests       fetch and build the guests that images/*.conf name' \
	 'make clean        remove build/'
