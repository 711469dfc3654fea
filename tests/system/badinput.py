# SPDX-License-Identifier: BSD-2-Clause
"""Bad guests beside a good one: one line names the bad VM and what is wrong, and the good VM runs as if alone."""

import os
import re
import tempfile
from unittest import mock

import image
from testing import started

TIMEOUT = 240
GOOD = image.in_tree("build/tests/guest/absent.elf")
VMLINUZ = image.in_tree("build/images/linux/vmlinuz")
VM = "[vm {name}]\nboot = {boot}\nkernel = {kernel}\nmemory = {memory}\ndebug-exit = yes\n"


def vm(name, kernel, boot="multiboot", memory="64M", more=""):
    return VM.format(name=name, boot=boot, kernel=kernel, memory=memory) + more


def console_of(bad, leave_out=None):
    """The console of a machine with the VM section `bad` and a good VM. The machine must end by itself.

    leave_out: path of a file that is not in the image. The checker would refuse some of these configurations; what is
    judged here is what happens when they are booted all the same.
    """
    text = "[system]\nwhen-all-stopped = poweroff\n" + bad + vm("good", GOOD)
    files = sorted(set(re.findall(r"^kernel = (.*)$", text, re.M)))
    with mock.patch.object(image, "check", lambda *_: True), \
         mock.patch.object(image, "files_of", lambda _: [f for f in files if f != leave_out]), \
         started(text=text) as machine:
        outcome = machine.wait(TIMEOUT)
        console = machine.text
    assert outcome == "poweroff", f"{outcome}:\n{console[-3000:]}"
    assert re.search(r"^(\[good\] )?DONE \d+ passed, 0 failed", console, re.M), f"the good VM failed:\n{console[-3000:]}"
    return console


def one_line(console, pattern):
    found = re.findall(rf"^root: vm bad: .*{pattern}.*$", console, re.M)
    assert len(found) == 1, f"{len(found)} lines /{pattern}/:\n{console[-3000:]}"


def console_with_kernel(content, boot="multiboot", memory="64M"):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "bad.elf")
        with open(path, "wb") as file:
            file.write(content)
        return console_of(vm("bad", path, boot, memory))


def start_of(path, size):
    with open(path, "rb") as file:
        return file.read(size)


def test_missing_module_is_named():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "nowhere.elf")
        with open(path, "wb") as file:
            file.write(b"x")
        one_line(console_of(vm("bad", path), leave_out=path), "nowhere.elf.*no such")


def test_file_that_is_no_kernel_is_named():
    one_line(console_with_kernel(b"This is not a kernel.\n" * 1000), r"bad\.elf: ")


def test_truncated_multiboot_kernel_is_named():
    one_line(console_with_kernel(start_of(GOOD, 8192 + 100)), r"bad\.elf: ")


def test_truncated_linux_kernel_is_named():
    one_line(console_with_kernel(start_of(VMLINUZ, 65536), "linux", "128M"), r"bad\.elf: ")


def test_kernel_larger_than_the_memory_is_named():
    one_line(console_of(vm("bad", VMLINUZ, "linux", "8M")), r"vmlinuz: .*MiB")


def crashed(guest, why):
    console = console_of(vm("bad", image.in_tree(f"build/tests/guest/crash_{guest}.elf")))
    assert re.search(rf"\*\*\* VM bad stopped: .*{why}", console), console[-3000:]
    for part in (r"RIP [0-9a-f]{16}", r"CR0 [0-9a-f]{8}", r"CPL 0"):
        assert re.search(part, console), f"no {part} in the state dump:\n{console[-3000:]}"
    one_line(console, "(crash|stopped|fault|halt)")


def test_triple_fault_stops_one_vm():
    crashed("triple_fault", "triple fault")


def test_halt_for_ever_stops_one_vm():
    crashed("halt", "(HLT|halt)")


def test_jump_to_nothing_stops_one_vm():
    crashed("nowhere", "")


def test_crash_restarts_by_policy():
    guest = image.in_tree("build/tests/guest/crash_triple_fault.elf")
    console = console_of(vm("bad", guest, more="restart = on-failure\n"))
    restarts = re.findall(r"^root: vm bad: .*restarts in", console, re.M)
    assert len(restarts) >= 2, console[-3000:]
    one_line(console, "stopped after [0-9]+ restarts")
