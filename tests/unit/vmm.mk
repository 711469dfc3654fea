# SPDX-License-Identifier: BSD-2-Clause
# The VMM beside its pure modules: the board makes no system calls and is tested with the device models that it wires;
# the exit handlers are compiled with the fake system calls of tests/unit/fake.

PURE_VMM := $(filter-out vmm/msrexit.c,$(PURE_VMM)) vmm/board.c
PURE_HV += vmm/console.c vmm/crexit.c vmm/dump.c vmm/exits.c vmm/io.c vmm/mmio.c vmm/quick.c vmm/msrexit.c vmm/startup.c \
 vmm/vcpu.c vmm/vm.c
