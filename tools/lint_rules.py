# SPDX-License-Identifier: BSD-2-Clause
"""The rules of the tree that no compiler knows: who may include whom, how long files and functions may be, where the
names of the VMCS and of EPT may stand, words and paths that may stand nowhere.
"""

import ast
import os
import re

FILE_LINES = 600
FUNCTION_LINES = 80

C_HEADERS_OF_MODELS = {"stdint.h", "stdbool.h", "stddef.h", "string.h", "limits.h", "inttypes.h"}

# The arrows of the design: who (beginning of the path) may include what (beginnings of paths). The first row counts.
ARROWS = (
    ("hv/abi/", ("hv/abi/",)),
    ("hv/", ("hv/",)),
    ("boot/", ("hv/",)),
    ("vmm/lib/", ("hv/abi/", "vmm/lib/")),
    ("vmm/root/", ("hv/abi/", "vmm/lib/", "vmm/root/")),
    ("vmm/devemu/", ("vmm/devemu/", "vmm/insn/insn.h")),
    ("vmm/insn/", ("vmm/insn/", "vmm/devemu/")),
    ("vmm/", ("hv/abi/", "vmm/lib/", "vmm/devemu/", "vmm/insn/", "vmm/[^/]+$")),
    ("tests/unit/", ("",)),
    ("tests/system/", ("hv/abi/", "vmm/lib/", "tests/system/")),
    ("tests/guest/", ("tests/guest/",)),
    ("bench/", ("hv/abi/", "vmm/lib/", "tests/guest/", "bench/")),
    ("tools/", ("vmm/root/config",)),
    ("", ()),
)
MODELS = ("vmm/devemu/", "vmm/insn/")
VT_X = ("hv/vmx/", "hv/ept/", "tests/unit/")

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
VT_X_NAME = re.compile(r"\b(VMCS_[A-Z0-9_]+|EPT_[A-Z0-9_]+)\b")

# Each word is put together here, so that this file does not hold it.
WORDS = re.compile(r"\b(" + "|".join(("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK", "for " "now", "stu" "b", "not imple" "mented",
                                      "place" "holder")) + r")\b", re.I)
PLACES = re.compile("|".join(("/wo" r"rk/", "/fa" r"rm/", "/ho" r"me/\w", r"deb\.deb" r"ian\.org", r"registry\." "npmjs",
                              r"snapshot\.deb" r"ian\.org")))

CODE = (".c", ".h", ".asm")
PROSE = (".md",)


def _text(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError:
        return None


def _without_comments(text):
    """The text with its C comments blanked, line for line."""
    return COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment.group()), text)


def _includes(path, lines):
    allowed = next(to for start, to in ARROWS if path.startswith(start))
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line)
        if include is None:
            continue
        bracket, name = include.groups()
        if bracket == '"' and not any(re.match(start, name) for start in allowed):
            yield number, f'"{name}" is against the arrows of the design'
        elif bracket == '"' and not os.path.exists(name):
            yield number, f'"{name}" is not a path from the root of the tree'
        elif bracket == "<" and path.startswith(MODELS) and name not in C_HEADERS_OF_MODELS:
            yield number, f"<{name}> in a device model or the instruction emulator"


def _functions(lines):
    """Functions too long, by the layout that clang-format gives: braces of a function stand alone in column 1."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start - 1 > FUNCTION_LINES:
                yield start, f"a function of {number - start - 1} lines, more than {FUNCTION_LINES}"
            start = None


def _code(path, text):
    lines = text.splitlines()
    mark = "; SPDX-License-Identifier: BSD-2-Clause" if path.endswith(".asm") else \
           "/* SPDX-License-Identifier: BSD-2-Clause */"
    if not lines or lines[0] != mark:
        yield 1, "the first line is not the licence"
    if path.endswith(".h") and "#pragma once" not in lines:
        yield 1, "no #pragma once"
    yield from _includes(path, lines)
    yield from _functions(lines)
    for number, line in enumerate(_without_comments(text).splitlines(), 1):
        if path.endswith((".c", ".h")) and CONDITIONAL.match(line):
            yield number, "conditional compilation: variation is by link or include path"
        name = VT_X_NAME.search(line)
        if name and not path.startswith(VT_X):
            yield number, f"{name.group()} outside of hv/vmx and hv/ept"


def _any(path, lines):
    if len(lines) > FILE_LINES and not path.endswith(PROSE):
        yield len(lines), f"a file of {len(lines)} lines, more than {FILE_LINES}"
    for number, line in enumerate(lines, 1):
        word = WORDS.search(line)
        if word and not path.endswith(PROSE):
            yield number, f'"{word.group()}" marks unfinished work'
        place = PLACES.search(line)
        if place:
            yield number, f'"{place.group()}" is a place of one machine or network'
        if line != line.rstrip():
            yield number, "blanks at the end of the line"


def _python(path, text):
    if path.endswith(".py") or text.startswith("#!/usr/bin/env python3"):
        try:
            ast.parse(text, path)
        except SyntaxError as error:
            yield error.lineno or 1, f"Python: {error.msg}"


def findings(path):
    """All findings in one file, as lines FILE:LINE: what."""
    text = _text(path)
    if text is None:
        return [f"{path}:1: not a text file"]
    found = list(_any(path, text.splitlines()))
    if path.endswith(CODE):
        found += _code(path, text)
    found += _python(path, text)
    return [f"{path}:{number}: {what}" for number, what in sorted(found)]
