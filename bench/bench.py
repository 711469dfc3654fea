# SPDX-License-Identifier: BSD-2-Clause
"""What bench/run and bench/trace share: the machines that they measure, and Bochs with its debugger in hand."""

import bisect
import contextlib
import importlib.machinery
import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))

import image  # noqa: E402
import machine  # noqa: E402

MICRO = "build/bench/micro.elf"
EXITS = "build/bench/exits.elf"
INIT = "build/bench/init"
VMLINUZ = "build/images/linux/vmlinuz"
INITRD = "build/images/linux/initrd.img"

LINUX_MEMORY_MIB = 256
LINUX_CMDLINE = "console=ttyS0 quiet"
START_TIMEOUT = 60

EXITS_CONF = """\
[system]
when-all-stopped = poweroff
[vm {name}]
boot = multiboot
kernel = {kernel}
cmdline = {cmdline}
memory = 16M
debug-exit = yes
"""

LINUX_CONF = """\
[system]
when-all-stopped = poweroff
[vm linux]
boot = linux
kernel = {kernel}
initrd = {initrd}
cmdline = {cmdline}
memory = {memory}M
"""

# An instruction as the debugger lists it: tick, physical and linear address, text.
LISTED = re.compile(r"^\(0\)\.\[(\d+)\] \[0x([0-9a-f]+)\] [0-9a-f]{4}:([0-9a-f]+) \(unk\. ctxt\): (.*?)\s*; [0-9a-f]+$")

PREF_ADDRESS = 0x258  # of a bzImage, Linux documentation "The Linux/x86 Boot Protocol"


class Bochs(machine.Machine):
    """Bochs, with commands for its debugger.

    breakpoint: a physical address where the machine stops, or None
    tick:       when it stops, or None
    """

    def __init__(self, iso, breakpoint=None, tick=None, **kwargs):
        self._breakpoint = breakpoint
        self._tick = tick
        self._prompts = 0
        super().__init__(iso, emulator="bochs", **kwargs)

    def _bochs(self, *arguments):
        command = super()._bochs(*arguments)
        with open(self._path("commands"), "w", encoding="ascii") as commands:
            if self._breakpoint is not None:
                commands.write(f"pb {self._breakpoint:#x}\n")
            if self._tick is not None:
                commands.write(f"sba {self._tick}\n")
            commands.write("c\n")
        return command

    def _wait_prompt(self, timeout):
        """What the debugger says up to its next prompt, at which the machine stands still."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            parts = re.split(r"<bochs:\d+> ", self._emulator_output())
            # The prompts of the commands in the file are answered already; only the last one waits.
            if len(parts) - 1 > self._prompts and parts[-1] == "":
                text = "".join(parts[self._prompts:])
                self._prompts = len(parts) - 1
                return text
            if self.outcome is not None:
                break
            time.sleep(0.02)
        raise machine.MachineError(f"the debugger did not stop; the end of the console:\n{self.tail()}")

    def stopped(self, timeout=START_TIMEOUT):
        """Waits until the machine has come to its breakpoint or tick; returns the tick."""
        return int(re.findall(r"Next at t=(\d+)", self._wait_prompt(timeout))[-1])

    def stop(self):
        """Stops the machine, wherever it is."""
        self._prompts = len(re.findall(r"<bochs:\d+> ", self._emulator_output()))
        self._process.send_signal(signal.SIGINT)
        self._wait_prompt(START_TIMEOUT)

    def command(self, text, timeout=START_TIMEOUT):
        """Gives a command to the debugger of a stopped machine; returns its answer."""
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()
        return self._wait_prompt(timeout)

    def go_on(self):
        """Lets a stopped machine run without its breakpoint."""
        if self._breakpoint is not None:
            self.command("d 1")
        self._process.stdin.write(b"c\n")
        self._process.stdin.flush()

    def physical(self, address, count):
        """64-bit words of physical memory of a stopped machine."""
        text = self.command(f"xp /{2 * count}wx {address:#x}")  # `g` shows only 32 bits
        halves = [int(half, 16) for line in text.splitlines() if "<bogus" in line
                  for half in re.findall(r"0x([0-9a-f]{8})\b", line.partition(">:")[2])]
        return [low | high << 32 for low, high in zip(halves[::2], halves[1::2])]


@contextlib.contextmanager
def booted(conf=None, root=image.ROOT_TASK, command_line="", **kwargs):
    """A machine with Bulkhead: the text of a configuration with absolute paths, or another root task alone."""
    with tempfile.TemporaryDirectory(prefix="bulkhead-bench-") as directory:
        iso = os.path.join(directory, "bench.iso")
        path = None
        if conf is not None:
            path = os.path.join(directory, "bench.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(conf)
            if not image.check(path):
                raise image.ImageError("the configuration is refused")
        image.make_image(iso, path, command_line, root)
        with Bochs(iso, **kwargs) as running:
            yield running


def exits_conf(name="exits", cmdline="measure"):
    """A configuration of one VM with the guest bench/exits.c."""
    return EXITS_CONF.format(name=name, kernel=image.in_tree(EXITS), cmdline=cmdline)


def write_initrd(path):
    """The guest's own initial RAM disk with bench/init.c as its process 1: the later of two archives wins."""
    loader = importlib.machinery.SourceFileLoader("initramfs", image.in_tree("tools/initramfs"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("initramfs", loader))
    loader.exec_module(module)
    archive = module.Archive()
    with open(image.in_tree(INIT), "rb") as program:
        archive.add("init", 0o100755, program.read())
    archive.add("TRAILER!!!", 0)
    with open(image.in_tree(INITRD), "rb") as base, open(path, "wb") as file:
        data = base.read()
        file.write(data + b"\0" * (-len(data) % 4) + archive.data)


@contextlib.contextmanager
def linux_in_vm(**kwargs):
    """Debian's Linux in a VM."""
    with tempfile.TemporaryDirectory(prefix="bulkhead-bench-") as directory:
        initrd = os.path.join(directory, "initrd.img")
        write_initrd(initrd)
        conf = LINUX_CONF.format(kernel=image.in_tree(VMLINUZ), initrd=initrd, cmdline=LINUX_CMDLINE,
                                 memory=LINUX_MEMORY_MIB)
        with booted(conf, **kwargs) as running:
            yield running


@contextlib.contextmanager
def linux_natively():
    """The same Linux on the bare emulator; a pair of the machine and the tick at which its kernel was entered."""
    with tempfile.TemporaryDirectory(prefix="bulkhead-bench-") as directory:
        initrd = os.path.join(directory, "initrd.img")
        iso = os.path.join(directory, "native.iso")
        write_initrd(initrd)
        image.make_native_image(iso, "linux " + LINUX_CMDLINE, image.in_tree(VMLINUZ), initrd)
        with open(image.in_tree(VMLINUZ), "rb") as kernel:
            kernel.seek(PREF_ADDRESS)
            entry = int.from_bytes(kernel.read(8), "little")
        with Bochs(iso, breakpoint=entry, memory=LINUX_MEMORY_MIB) as running:
            start = running.stopped()
            running.go_on()
            yield running, start


class Symbols:
    """The functions of one program."""

    def __init__(self, name, path):
        self.name = name
        self.path = image.in_tree(path)
        out = subprocess.run(["nm", "-n", self.path], capture_output=True, text=True, check=True).stdout
        found = [line.split() for line in out.splitlines()]
        self._named = sorted({int(f[0], 16): f[2] for f in found if len(f) == 3 and f[1] in "tT" and
                              not f[2].startswith("..@")}.items())
        self._starts = [address for address, _ in self._named]
        limits = {f[2]: int(f[0], 16) for f in found if len(f) == 3}
        self.start = self._starts[0]
        self.end = max(limits.values())

    def holds(self, address):
        """Whether an address lies in the program."""
        return self.start <= address < self.end

    def function(self, address):
        """The name of the function that an address lies in."""
        at = bisect.bisect_right(self._starts, address) - 1
        return f"{self.name}:{self._named[at][1]}" if at >= 0 else f"{self.name}:?"

    def address(self, function):
        """Where a function begins."""
        return next(address for address, name in self._named if name == function)

    def lines(self, addresses):
        """FILE:LINE of each address."""
        out = subprocess.run(["addr2line", "-e", self.path], input="\n".join(hex(a) for a in addresses),
                             capture_output=True, text=True, check=True).stdout.splitlines()
        shown = (re.sub(r"^(.*//|\./)", "/" if "//" in line else "", line.split(" ")[0]) for line in out)
        return {a: line.removeprefix(ROOT).lstrip("/") for a, line in zip(addresses, shown)}
