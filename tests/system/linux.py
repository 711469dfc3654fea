# SPDX-License-Identifier: BSD-2-Clause
"""Debian's Linux in a VM, as a person uses it: to the prompt, a command, power off; reboot; two at a time."""

from testing import started

PROMPT = r"guest:/root# $"
BOOT_TIMEOUT = 600
ANSWER_TIMEOUT = 120


def answers(machine):
    """A typed command is executed: the answer is not what was typed."""
    machine.send("echo $((6 * 7))-$(uname -s)\n")
    machine.expect(r"^42-Linux$", timeout=ANSWER_TIMEOUT)
    machine.expect(PROMPT, timeout=ANSWER_TIMEOUT)


def power_off(machine):
    machine.send("poweroff\n")
    outcome = machine.wait(ANSWER_TIMEOUT)
    assert outcome == "poweroff", f"{outcome}:\n{machine.tail()}"


def boots_answers_and_powers_off(cpu):
    with started("images/linux.conf", cpu=cpu) as machine:
        machine.expect(r"^root: vm linux: started", timeout=BOOT_TIMEOUT)
        machine.expect(r"Linux version 6\.", timeout=BOOT_TIMEOUT)
        machine.expect(PROMPT, timeout=BOOT_TIMEOUT)
        answers(machine)
        power_off(machine)
        assert "vm linux: power off; stopped" in machine.text, machine.tail()
        assert "all VMs have stopped: power off" in machine.text, machine.tail()


def test_linux_on_arrandale():
    boots_answers_and_powers_off("corei5_arrandale_m520")


def test_linux_on_sandy_bridge():
    boots_answers_and_powers_off("corei7_sandy_bridge_2600k")


def test_linux_on_haswell():
    boots_answers_and_powers_off("corei7_haswell_4770")


def test_linux_on_skylake():
    boots_answers_and_powers_off("corei7_skylake_x")


def test_reboot_restarts_the_vm():
    with started("images/linux.conf") as machine:
        machine.expect(PROMPT, timeout=BOOT_TIMEOUT)
        machine.send("reboot\n")
        machine.expect(r"^root: vm linux: .*(reboot|reset|restart)", timeout=ANSWER_TIMEOUT)
        machine.expect(PROMPT, timeout=BOOT_TIMEOUT)
        answers(machine)
        power_off(machine)


def test_two_vms_side_by_side():
    with started("images/two-linux.conf") as machine:
        machine.expect(r"^root: vm first: started", timeout=BOOT_TIMEOUT)
        machine.expect(r"^root: vm second: started", timeout=BOOT_TIMEOUT)
        for name in ("first", "second"):
            found = machine.find_line(rf"^\[{name}\] guest: Linux .*: up", timeout=BOOT_TIMEOUT)
            assert found, f"{name} does not come up:\n{machine.tail()}"


for test in (test_linux_on_skylake, test_reboot_restarts_the_vm, test_two_vms_side_by_side):
    test.timeout = 1500
