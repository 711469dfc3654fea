# SPDX-License-Identifier: BSD-2-Clause
"""Virtual-interrupt delivery, which is off on Bochs unless asked for: the guest tests of the local APIC with it."""

import image
from testing import reports, started

CONF = """[system]
when-all-stopped = poweroff
[vm apic]
boot = multiboot
kernel = {kernel}
memory = 32M
debug-exit = yes
"""


def judge(name):
    """Runs a guest test; its claims count under the name of this test."""
    with started(text=CONF.format(kernel=image.in_tree(f"build/tests/guest/{name}.elf")), command_line="vid=on") as machine:
        machine.wait(120)
        assert "virtual interrupts" in machine.text, "virtual-interrupt delivery is not in use"
        found = reports(machine.text)
        failed = [f"{claim}: {remark}" for word, claim, remark in found if word == "FAIL"]
        assert "DONE" in machine.text and found, machine.tail()
        assert not failed, "; ".join(failed)


def test_lapic_with_virtual_interrupt_delivery():
    judge("lapic")


def test_lapic_timer_with_virtual_interrupt_delivery():
    judge("lapic_timer")


def test_ioapic_with_virtual_interrupt_delivery():
    judge("ioapic")


def test_x2apic_with_virtual_interrupt_delivery():
    judge("x2apic")
