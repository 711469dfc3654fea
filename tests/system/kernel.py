# SPDX-License-Identifier: BSD-2-Clause
"""The kernel interface, call by call: tests/system/calls in place of the root task, on 1, 2 and 4 CPUs and four models.

Each claim of the program counts as a test of its own, with the machine it was made on in front of its name.
"""

import re

from testing import reports, started

PROGRAM = "build/tests/calls.elf"
TIMEOUT = 400
DONE = re.compile(r"^DONE (\d+) passed, (\d+) failed, (\d+) skipped$", re.M)


def run_on(cpu, cpus):
    with started(root=PROGRAM, cpu=cpu, cpus=cpus) as machine:
        outcome = machine.wait(TIMEOUT)
        text = machine.text
    results = reports(text)
    for word, claim, remark in results:
        print(f"{word} {cpu.partition('_')[2]}-{cpus}.{claim}{': ' if remark else ''}{remark}")
    done = DONE.search(text)
    if outcome != "poweroff" or done is None or sum(map(int, done.groups())) != len(results):
        raise AssertionError(f"{outcome}; the end of the console:\n" + "\n".join(text.splitlines()[-12:]))
    if f"[cpu 0] {cpus} CPU" not in text:
        raise AssertionError(f"the kernel does not run on {cpus} CPUs")


def test_calls_on_one_cpu():
    run_on("corei7_haswell_4770", 1)


def test_calls_on_two_cpus():
    run_on("corei7_haswell_4770", 2)


def test_calls_on_four_cpus():
    run_on("corei7_haswell_4770", 4)


def test_calls_on_arrandale():
    run_on("corei5_arrandale_m520", 2)


def test_calls_on_sandy_bridge():
    run_on("corei7_sandy_bridge_2600k", 2)


def test_calls_on_skylake():
    run_on("corei7_skylake_x", 1)
