# SPDX-License-Identifier: BSD-2-Clause
"""Machines and boot modules that the microhypervisor cannot use: one line says why, and it stops, tidily."""

import os
import re
import tempfile

import image
import machine
from testing import started

STOPPED = re.compile(r"^bulkhead: stopped: (.+)$", re.M)
TIMEOUT = 120


def said_by(running, poweroff=True):
    """What the kernel says when it stops. Nothing may follow, and the emulated machine is off, where it can be."""
    if poweroff:
        outcome = running.wait(TIMEOUT)
        assert outcome == "poweroff", outcome
    else:
        running.expect(r"^bulkhead: stopped: .+\n", timeout=TIMEOUT)
    found = STOPPED.findall(running.text)
    assert len(found) == 1, f"{len(found)} lines say why it stops:\n{running.text}"
    assert running.text.strip().endswith(found[0]), f"something follows:\n{running.text}"
    return found[0]


def reason(poweroff=True, **kwargs):
    with started(**kwargs) as running:
        return said_by(running, poweroff)


def test_old_cpu_is_refused_by_name_of_what_it_lacks():
    said = reason(cpu="core2_penryn_t9600")
    assert re.search(r"lacks .*(EPT|extended page tables|secondary)", said), said


def test_emulator_without_vtx_is_refused():
    said = reason(emulator="qemu", poweroff=False)
    assert re.search(r"lacks .*(VT-x|VMX)", said), said


def test_missing_root_task_is_refused():
    with tempfile.TemporaryDirectory() as directory:
        iso = os.path.join(directory, "x.iso")
        with open(image.in_tree("grub.cfg"), encoding="utf-8") as template:
            text = template.read().replace("@COMMAND_LINE@", "").replace("@MODULES@", "")
        image.make_grub_image(iso, text, [(image.in_tree(image.KERNEL), "bulkhead.elf")])
        with machine.Machine(iso) as running:
            said = said_by(running)
    assert "module" in said and "root task" in said, said


def refused_root(content):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return reason(root=file.name)


def test_root_task_that_is_no_program_is_refused():
    assert "root task" in refused_root(b"This is not a program.\n" * 200)


def test_empty_root_task_is_refused():
    assert "root task" in refused_root(b"\x7fELF")


def test_truncated_root_task_is_refused():
    with open(image.in_tree("build/tests/calls.elf"), "rb") as program:
        content = program.read()
    assert "root task" in refused_root(content[:len(content) // 2])


def test_root_task_for_another_machine_is_refused():
    with open(image.in_tree("build/tests/calls.elf"), "rb") as program:
        content = bytearray(program.read())
    content[18:20] = b"\xb7\x00"  # AArch64
    assert "root task" in refused_root(bytes(content))
