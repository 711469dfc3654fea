# SPDX-License-Identifier: BSD-2-Clause
"""tools/bh as a person and a script see it: what it prints and with which status it ends.

The machines here run a few lines of GRUB and no guest: what is tested is the front end.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time

import image
import machine

BH = [sys.executable, image.in_tree("tools/bh")]
GREETING = "serial --unit=0 --speed=115200\nterminal_output serial\necho a line of the console\n"
ASKING = GREETING + "terminal_input serial\necho -n 'prompt> '\nread answer\necho \"said $answer\"\nhalt\n"
TIMEOUT = "60"


def bh(*arguments, **kwargs):
    """Runs bh; returns its status and what it printed on both outputs."""
    done = subprocess.run([*BH, *arguments], capture_output=True, text=True, check=False,
                          **({"stdin": subprocess.DEVNULL, **kwargs} if "input" not in kwargs else kwargs))
    return done.returncode, done.stdout.replace("\r", ""), done.stderr


@contextlib.contextmanager
def grub_image(commands):
    with tempfile.TemporaryDirectory() as directory:
        iso = os.path.join(directory, "grub.iso")
        image.make_grub_image(iso, commands)
        yield iso


def emulators_under(directory):
    """Processes that run in a machine's directory, which was made under `directory`."""
    found = []
    for process in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{process}/cwd").startswith(directory):
                found.append(process)
    return found


def expect(condition, remark):
    if not condition:
        raise AssertionError(remark)


def test_check_reports_every_error_with_its_line():
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "x.conf"), "w", encoding="ascii") as conf:
            conf.write("[vm a]\nboot = linux\nkernel = nowhere\nmemory = 70T\nprioritty = 1\n")
        status, out, errors = bh("check", "x.conf", cwd=directory)
    expect(status == 1 and out == "", (status, out))
    expect(errors == "x.conf:4: vm a: memory: 70T is more than 512G, the most that a VM can have\n"
                     "x.conf:5: vm a: prioritty: unknown key: is \"priority\" meant?\n", errors)


def test_check_finds_files_beside_the_configuration():
    with tempfile.TemporaryDirectory() as directory:
        conf = os.path.join(directory, "x.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write("[vm a]\nboot = linux\nkernel = sub/k\nmemory = 64M\n")
        status, _, errors = bh("check", conf, cwd="/")
        expect((status, errors) == (1, f"{conf}:3: vm a: kernel: sub/k: no such file\n"), (status, errors))
        os.mkdir(os.path.join(directory, "sub"))
        with open(os.path.join(directory, "sub", "k"), "w", encoding="ascii") as file:
            file.write("kernel")
        expect(bh("check", conf, cwd="/") == (0, "", ""), "a file in a directory is not found")


def test_wrong_use_has_status_2():
    for arguments in ([], ["walk"], ["run"], ["check", "/nowhere.conf"], ["run", "/nowhere.iso"], ["image", "x.conf"],
                      ["run", image.in_tree("grub.cfg"), "--until", "("],
                      ["run", image.in_tree("grub.cfg"), "--emulator", "bochs", "--cpu", "abacus"],
                      ["run", image.in_tree("grub.cfg"), "--memory", "much"]):
        status, _, errors = bh(*arguments)
        expect(status == 2 and errors, (arguments, status, errors))


def test_until_ends_with_0_at_a_match_in_the_unfinished_line():
    with grub_image(ASKING) as iso:
        status, out, errors = bh("run", iso, "--until", "^prompt> $", "--timeout", TIMEOUT)
        expect(status == 0 and out.endswith("prompt> "), (status, out, errors))


def test_until_ends_with_1_when_the_time_or_the_machine_ends_first():
    with grub_image(ASKING) as iso:
        status, _, errors = bh("run", iso, "--until", "^nothing of this kind$", "--timeout", "4")
        expect(status == 1 and "4 s were over" in errors, (status, errors))
    with grub_image(GREETING + "halt\n") as iso:
        status, _, errors = bh("run", iso, "--until", "^nothing of this kind$", "--timeout", TIMEOUT)
        expect(status == 1 and "poweroff" in errors, (status, errors))


def test_a_machine_that_switches_itself_off_ends_with_0():
    with grub_image(GREETING + "halt\n") as iso, tempfile.TemporaryDirectory() as directory:
        serial = os.path.join(directory, "serial")
        status, out, errors = bh("run", iso, "--timeout", TIMEOUT, "--serial", serial)
        expect(status == 0 and "a line of the console\n" in out, (status, out, errors))
        with open(serial, "rb") as file:
            expect(b"a line of the console" in file.read(), "--serial has no console")


def test_a_pipe_types_at_the_prompt():
    with grub_image(ASKING) as iso:
        status, out, errors = bh("run", iso, "--timeout", TIMEOUT, input="something\n")
        expect(status == 0 and "said something" in out, (status, out, errors))


def test_several_machines_run_at_once():
    with grub_image(ASKING) as iso:
        with contextlib.ExitStack() as stack:
            machines = [stack.enter_context(machine.Machine(iso, emulator="bochs")) for _ in range(3)]
            for number, one in enumerate(machines):
                one.expect("prompt> $", timeout=90)
                one.send(f"number{number}\r")
            for number, one in enumerate(machines):
                one.expect(f"said number{number}$", timeout=30)
                expect(one.wait(30) == "poweroff", one.outcome)


def test_a_front_end_that_ends_leaves_no_emulator():
    for emulator in ("bochs", "qemu"):
        for end in (subprocess.Popen.terminate, subprocess.Popen.kill):
            with grub_image(ASKING) as iso, tempfile.TemporaryDirectory() as directory:
                process = subprocess.Popen([*BH, "run", iso, "--emulator", emulator], stdin=subprocess.DEVNULL,
                                           stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": directory})
                try:
                    seen = b""
                    while b"prompt> " not in seen and process.poll() is None:
                        seen += os.read(process.stdout.fileno(), 4096)
                    expect(emulators_under(directory), "no emulator is seen while it runs: this test sees nothing")
                finally:
                    end(process)
                    process.wait()
                deadline = time.monotonic() + 10
                while emulators_under(directory) and time.monotonic() < deadline:
                    time.sleep(0.1)
                expect(not emulators_under(directory), f"{emulator} outlived the front end after {end.__name__}")
