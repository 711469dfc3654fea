# SPDX-License-Identifier: BSD-2-Clause
"""Configurations and bootable images: what tools/bh and the system tests share.

An image holds GRUB, the microhypervisor and its boot modules in the order root task, VMM, configuration, files of the
configuration. The name of a module is its command line: "root", "vmm", "system.conf", a path as the configuration
has it.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KERNEL = "build/hv/bulkhead.elf"
ROOT_TASK = "build/vmm/root.elf"
VMM = "build/vmm/vmm.elf"
CHECKER = "build/host/bhconf"

VOLUME_DESCRIPTOR = 0x8000  # where ISO 9660 has its first one, with the mark CD001


class ImageError(Exception):
    """An image cannot be made; the text says why."""


def in_tree(path):
    """A path in the source tree as one that works from anywhere."""
    return os.path.join(ROOT, path)


def build(*targets):
    """Builds what is missing or out of date. Callers that have built set BULKHEAD_BUILT: the Makefile does."""
    if os.environ.get("BULKHEAD_BUILT") and all(os.path.exists(in_tree(target)) for target in targets):
        return
    os.makedirs(in_tree("build"), exist_ok=True)
    with open(in_tree("build/.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes in one tree would write the same files
        made = subprocess.run(["make", "-s", "-C", ROOT, *targets], stdin=subprocess.DEVNULL, stdout=sys.stderr,
                              check=False)
    if made.returncode != 0:
        raise ImageError("the system could not be built")


def check(conf, memory=0, cpus=0):
    """Whether a configuration is right; each error has been printed if not. 0 MiB or CPUs: not known, not checked."""
    build(CHECKER)
    command = [in_tree(CHECKER), "check", conf, str(memory), str(cpus)]
    return subprocess.run(command, check=False).returncode == 0


def files_of(conf):
    """The files that a right configuration names, as written in it."""
    out = subprocess.run([in_tree(CHECKER), "files", conf], check=True, capture_output=True, text=True).stdout
    return out.splitlines()


def is_image(path):
    """Whether the file is a CD image."""
    with open(path, "rb") as file:
        file.seek(VOLUME_DESCRIPTOR + 1)
        return file.read(5) == b"CD001"


def _quoted(word):
    if "'" in word or "\n" in word:
        raise ImageError(f"{word!r}: a quote does not pass through GRUB")
    return f"'{word}'"


def make_grub_image(output, grub_cfg, files=()):
    """Writes a hybrid CD image with `files`, pairs (path on this host, name in /boot), and GRUB's configuration."""
    with tempfile.TemporaryDirectory(prefix="bulkhead-image-") as tree:
        boot = os.path.join(tree, "boot")
        os.makedirs(os.path.join(boot, "grub"))
        for source, name in files:
            shutil.copyfile(source, os.path.join(boot, name))
        with open(os.path.join(boot, "grub", "grub.cfg"), "w", encoding="utf-8") as grub:
            grub.write(grub_cfg)
        # A fixed date makes the same files the same image, and its boot the same number of ticks.
        rescue = subprocess.run(["grub-mkrescue", "-o", output, tree], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, check=False, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
    if rescue.returncode != 0 or not os.path.exists(output):
        raise ImageError(f"grub-mkrescue failed:\n{rescue.stderr}")


def make_image(output, conf=None, command_line="", root=ROOT_TASK, files=()):
    """Writes the bootable image `output`: hybrid, for a CD, a USB stick or a disk.

    conf:         a checked configuration, or None: then only the root task is loaded, and no VMM
    command_line: of the microhypervisor
    root:         the program that is the root task, relative to the source tree or absolute
    files:        further modules, pairs (path, name)
    """
    modules = [(in_tree(root), "root")]
    if conf is not None:
        directory = os.path.dirname(os.path.abspath(conf))
        build(KERNEL, root, VMM)
        modules += [(in_tree(VMM), "vmm"), (os.path.abspath(conf), "system.conf")]
        modules += [(os.path.join(directory, path), path) for path in files_of(conf)]
    else:
        build(KERNEL, root)
    modules += files
    # --nounzip: a compressed initrd is the guest's to unpack, and its size on the host is what was checked.
    lines = [f"    module2 --nounzip /boot/module{index} {_quoted(name)}" for index, (_, name) in enumerate(modules)]
    words = "".join(" " + _quoted(word) for word in command_line.split())
    with open(in_tree("grub.cfg"), encoding="utf-8") as template:
        text = template.read().replace("@COMMAND_LINE@", words).replace("@MODULES@", "\n".join(lines))
    copies = [(source, f"module{index}") for index, (source, _) in enumerate(modules)]
    make_grub_image(output, text, [(in_tree(KERNEL), "bulkhead.elf"), *copies])


def make_native_image(output, command, *files):
    """Writes an image that boots a guest without Bulkhead, to compare: the GRUB command ("multiboot", "linux WORDS").

    files: the kernel, then what `module` or, for Linux, `initrd` loads
    """
    names = [f"file{index}" for index in range(len(files))]
    word, _, arguments = command.partition(" ")
    follow = "initrd" if word == "linux" else "module"
    lines = [f"{word} /boot/{names[0]} {arguments}", *(f"{follow} /boot/{name}" for name in names[1:]), "boot"]
    text = "set timeout=0\nmenuentry native {\n" + "\n".join(lines) + "\n}\n"
    make_grub_image(output, text, zip(files, names))
