# SPDX-License-Identifier: BSD-2-Clause
"""An emulated PC with a serial console: what tools/bh and the system tests drive.

A Machine boots a CD image in Bochs or QEMU, collects what it writes to COM1 and types into it. Every instance has a
directory and a TCP port of its own, so that several run side by side, and none outlives the program that started it.

    with Machine("linux.iso") as machine:
        machine.expect(r"/ # ", timeout=120)
        machine.send("poweroff\\n")
        assert machine.wait(timeout=60) == "poweroff"
"""

import codecs
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

BOCHS_CPU = "corei7_haswell_4770"  # VT-x with all that Bochs can do, and a TSC that runs at `ips`
MEMORY_MIB = 512
EMULATORS = ("bochs", "kvm", "qemu")

BOCHSRC = """\
config_interface: textconfig
display_library: rfb, options="timeout=0"
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
memory: guest={memory}, host={memory}
cpu: model={cpu}, count={cpus}, ips=50000000, reset_on_triple_fault=0
clock: sync=none, time0=1700000000
vga: extension=vbe, update_freq=5, realtime=0
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="{image}", status=inserted
boot: cdrom
com1: enabled=1, mode=socket-client, dev=localhost:{port}
speaker: enabled=0
magic_break: enabled=0
log: bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""

# How Bochs says in its last message why it stopped.
BOCHS_ENDS = (
    (re.compile(r"shutdown requested|soft power off"), "poweroff"),
    (re.compile(r"exception with no resolution"), "triple fault"),
)


# Terminal control in the output, such as busybox's question for the cursor's position behind every prompt.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[@-~]|\r")
UNFINISHED_CONTROL = re.compile(r"\x1b(\[[0-9;?]*)?$")


# Characters that are typed without a pause: a cursor key's escape sequence must not come in pieces, because an idle
# emulator's time runs fast and the guest would take its end for typed text.
BURST = 12


class MachineError(Exception):
    """The machine did not do what was expected of it; the text says what, and shows the end of the console."""


def kvm_is_usable():
    """Whether the host has VT-x, its kernel offers it, and QEMU is there to use it."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
            vmx = re.search(r"^flags\s*:.*\bvmx\b", cpuinfo.read(), re.M) is not None
    except OSError:
        return False
    return vmx and os.access("/dev/kvm", os.R_OK | os.W_OK) and shutil.which("qemu-system-x86_64") is not None


def default_emulator():
    """KVM where it is usable, Bochs otherwise: QEMU's software emulation has no VT-x."""
    return "kvm" if kvm_is_usable() else "bochs"


def bochs_cpus():
    """The CPU models that the installed Bochs knows."""
    out = subprocess.run(["bochs", "--help", "cpu"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, check=False).stdout
    return [line.strip() for line in out.splitlines() if re.fullmatch(r"[a-z0-9_]+", line.strip())]


class Machine:
    """One running machine. `outcome` is None while it runs, then how it ended (see wait)."""

    def __init__(self, image, emulator=None, cpu=None, cpus=1, memory=MEMORY_MIB, sink=None, pace=0.002):
        """Switches on a machine that boots `image`, a CD image.

        emulator: "bochs", "kvm", "qemu" (software emulation, no VT-x) or None for default_emulator()
        cpu:      CPU model of that emulator, or None for the best one
        memory:   MiB
        sink:     called with every piece of console output, bytes, from a thread of this object
        pace:     seconds for each character typed: a UART has room for 16
        """
        self.emulator = emulator or default_emulator()
        self.outcome = None
        self._sink = sink
        self._pace = pace
        self._condition = threading.Condition()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._raw = bytearray()
        self._text = ""
        self._control = ""
        self._seen = 0
        self._last_output = time.monotonic()
        self._keys = queue.Queue()
        self._connection = None
        self._closed = False
        self._process = None
        self._debugger = threading.Lock()
        self.directory = tempfile.mkdtemp(prefix="bulkhead-machine-")
        try:
            self._start(os.path.abspath(image), cpu, cpus, memory)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Starting

    def _start(self, image, cpu, cpus, memory):
        if not os.path.isfile(image):
            raise MachineError(f"{image}: no such image")
        with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
            port = listener.getsockname()[1]
            if self.emulator == "bochs":
                command = self._bochs(image, cpu, cpus, memory, port)
            else:
                command = self._qemu(image, cpu, cpus, memory, port)
            with open(self._path("emulator.out"), "wb") as out:
                self._process = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", "--"] + command, cwd=self.directory, stdin=subprocess.PIPE,
                    stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
            self._connection = self._accept(listener)
        if self.emulator != "bochs":
            self._process.stdin.write(b'{"execute": "qmp_capabilities"}\n')  # events are sent only after this
            self._process.stdin.flush()
        for target in (self._read, self._type):
            threading.Thread(target=target, daemon=True).start()

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _bochs(self, image, cpu, cpus, memory, port):
        with open(self._path("bochsrc"), "w", encoding="utf-8") as bochsrc:
            bochsrc.write(BOCHSRC.format(image=image, cpu=cpu or BOCHS_CPU, cpus=cpus, memory=memory, port=port))
        with open(self._path("commands"), "w", encoding="ascii") as commands:
            commands.write("c\n")  # Debian's Bochs has its debugger compiled in and waits for this
        return ["bochs", "-q", "-f", "bochsrc", "-rc", "commands"]

    def _qemu(self, image, cpu, cpus, memory, port):
        accelerator = ["-accel", "kvm", "-cpu", cpu or "host"] if self.emulator == "kvm" else \
                      ["-accel", "tcg", "-cpu", cpu or "max"]
        return ["qemu-system-x86_64", "-machine", "pc", *accelerator, "-smp", str(cpus), "-m", str(memory),
                "-cdrom", image, "-boot", "d", "-display", "none", "-nodefaults", "-vga", "std", "-no-reboot",
                "-chardev", f"socket,id=console,host=127.0.0.1,port={port}", "-serial", "chardev:console",
                "-qmp", "stdio"]

    def _accept(self, listener):
        listener.settimeout(0.1)
        while self._process.poll() is None:
            try:
                connection, _ = listener.accept()
                connection.settimeout(None)
                return connection
            except socket.timeout:
                continue
        raise MachineError(f"{self.emulator} did not start:\n{self._emulator_output()[-2000:]}")

    # Threads: one reads the console, one types

    def _read(self):
        while True:
            try:
                data = self._connection.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            if self._sink is not None:
                self._sink(data)
            with self._condition:
                self._raw += data
                self._add_text(self._decoder.decode(data))
                self._last_output = time.monotonic()
                self._condition.notify_all()
        self._process.wait()
        with self._condition:
            self.outcome = self._judge()
            self._condition.notify_all()

    def _add_text(self, text):
        text = self._control + text
        unfinished = UNFINISHED_CONTROL.search(text)
        end = unfinished.start() if unfinished else len(text)
        self._control = text[end:]
        self._text += CONTROL.sub("", text[:end])

    def _type(self):
        while (text := self._keys.get()) is not None:
            for start in range(0, len(text), BURST):
                burst = text[start:start + BURST]
                try:
                    self._connection.sendall(burst)
                except OSError:
                    return
                time.sleep(self._pace * len(burst))

    def _emulator_output(self):
        try:
            with open(self._path("emulator.out"), encoding="utf-8", errors="replace") as out:
                return out.read()
        except OSError:
            return ""

    def _judge(self):
        """How the emulator ended, from what it said."""
        if self._closed:
            return "closed"
        out = self._emulator_output()
        if self.emulator == "bochs":
            message = out.rpartition("Bochs is exiting with the following message:")[2]
            for pattern, outcome in BOCHS_ENDS:
                if pattern.search(message):
                    return outcome
            return "stopped: " + " ".join(message.replace("=", "").split())[:200]
        for line in reversed(out.splitlines()):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and event.get("event") == "SHUTDOWN":
                reason = event.get("data", {}).get("reason", "")
                return {"guest-shutdown": "poweroff", "guest-reset": "reset"}.get(reason, "stopped: " + reason)
        return "stopped: " + " ".join(out.split())[-200:]

    # What a caller does with it

    @property
    def text(self):
        """All console output so far, without carriage returns and terminal control sequences."""
        with self._condition:
            return self._text

    @property
    def raw(self):
        """All console output so far, byte for byte."""
        with self._condition:
            return bytes(self._raw)

    def quiet_for(self):
        """Seconds since the last console output."""
        with self._condition:
            return time.monotonic() - self._last_output

    def _wait_for(self, ready, timeout):
        """Waits until ready() is true, the machine has ended or `timeout` seconds are over; returns ready()."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            while True:
                result = ready()
                if result or self.outcome is not None:
                    return result
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return result
                self._condition.wait(left)

    def expect(self, pattern, timeout=60):
        """Waits for `pattern` (multi-line regular expression) in output not yet expected; returns the match.

        What stands before the match is passed over. Raises MachineError when the time or the machine ends first.
        """
        regex = re.compile(pattern, re.M)
        match = self._wait_for(lambda: regex.search(self._text, self._seen), timeout)
        if not match:
            why = f"the machine ended ({self.outcome})" if self.outcome else f"{timeout} s were over"
            raise MachineError(f"expected /{pattern}/, but {why}; the end of the console:\n{self.tail()}")
        self._seen = match.end()
        return match

    def find_line(self, pattern, timeout=None):
        """Waits for a line, also an unfinished last one, in which `pattern` is found; None when the end came first."""
        regex = re.compile(pattern)
        done = 0

        def search():
            nonlocal done
            found = next((m for m in map(regex.search, self._text[done:].split("\n")) if m), None)
            done = self._text.rfind("\n") + 1
            return found

        return self._wait_for(search, timeout)

    def send(self, text):
        """Types `text` (str or bytes) on the console; returns at once."""
        self._keys.put(text.encode() if isinstance(text, str) else bytes(text))

    def wait(self, timeout=None):
        """Waits until the machine has ended; returns how, or None when `timeout` seconds were over first.

        "poweroff"; "triple fault" (Bochs); "reset" (QEMU); "closed" (by close); "stopped: ..." with the emulator's words
        """
        self._wait_for(lambda: self.outcome, timeout)
        return self.outcome

    def tail(self, lines=25):
        """The last lines of the console, to show beside an error."""
        return "\n".join(self.text.splitlines()[-lines:])

    def ticks(self):
        """Bochs's clock, one tick an instruction: now, or when it ended. None with another emulator."""
        if self.emulator != "bochs":
            return None
        with self._debugger:
            prompts = self._emulator_output().count("Next at t=")
            while self._process.poll() is None:
                self._process.send_signal(signal.SIGINT)
                for _ in range(50):
                    found = re.findall(r"Next at t=(\d+)", self._emulator_output())
                    if len(found) > prompts:
                        self._process.stdin.write(b"c\n")
                        self._process.stdin.flush()
                        return int(found[-1])
                    time.sleep(0.01)
        found = re.findall(r"\(\d+\)\.\[(\d+)\]", self._emulator_output())
        return int(found[-1]) if found else None

    def emulator_log(self):
        """Bochs's own log, where it names the VMCS field that a VM entry was refused for; "" with another emulator."""
        try:
            with open(self._path("bochs.log"), encoding="utf-8", errors="replace") as log:
                return log.read()
        except OSError:
            return ""

    def close(self):
        """Switches the machine off, if it still runs, and removes what it left on the disk."""
        self._closed = self._closed or self.outcome is None
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            self._process.stdin.close()
        if self._connection is not None:
            try:
                self._connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._wait_for(lambda: self.outcome, 5)
            self._connection.close()
        self._keys.put(None)
        shutil.rmtree(self.directory, ignore_errors=True)
