# SPDX-License-Identifier: BSD-2-Clause
"""What a system test in tests/system/*.py needs beside machine.Machine: images, skipping, reports.

    from testing import Skip, started

    def test_linux_answers():
        with started("images/linux.conf") as machine:
            machine.expect("# $", timeout=300)
"""

import contextlib
import os
import re
import tempfile

import image
import machine

REPORT = re.compile(r"(?:^|\s|>)(PASS|FAIL|SKIP) ([A-Za-z0-9_.-]+)(?:[ :]+(.*))?$")


class Skip(Exception):
    """The test cannot run here; the text says why."""


def reports(text):
    """The lines PASS NAME, FAIL NAME REMARK, SKIP NAME REASON of a console, as triples; a prefix is passed over."""
    found = (REPORT.search(line) for line in text.replace("\r", "").split("\n"))
    return [(m.group(1), m.group(2), m.group(3) or "") for m in found if m]


@contextlib.contextmanager
def started(conf=None, root=image.ROOT_TASK, command_line="", files=(), text=None, **kwargs):
    """A running machine with the image of a configuration; `kwargs` are those of machine.Machine.

    conf: path of a configuration, relative to the source tree, or None
    text: the configuration itself in place of a file; its paths must be absolute
    root: another root task; with neither conf nor text, it is alone
    """
    with tempfile.TemporaryDirectory(prefix="bulkhead-test-") as directory:
        if text is not None:
            conf = os.path.join(directory, "system.conf")
            with open(conf, "w", encoding="utf-8") as file:
                file.write(text)
        elif conf is not None:
            conf = image.in_tree(conf)
        iso = os.path.join(directory, "system.iso")
        if conf is not None and not image.check(conf, kwargs.get("memory", machine.MEMORY_MIB)):
            raise image.ImageError(f"{conf}: refused")
        image.make_image(iso, conf, command_line, root, files)
        with machine.Machine(iso, **kwargs) as running:
            yield running
