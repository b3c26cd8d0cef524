# SPDX-License-Identifier: GPL-2.0-only
"""What a machine tells by other means than files: system calls and commands."""

import fcntl
import os
import pwd
import shutil
import subprocess

KVM_CHECK_EXTENSION = 0xae03


def search_path() -> str:
    """With the commands of an administrator, modinfo for one, which are not on every user's path."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


class System:
    """This machine. Tests have one of their own."""

    def uname(self) -> tuple[str, str]:
        """Architecture and release of the kernel."""
        return os.uname().machine, os.uname().release

    def page_bytes(self) -> int:
        return os.sysconf("SC_PAGE_SIZE")

    def user(self) -> str:
        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return str(os.getuid())

    def has_command(self, name: str) -> bool:
        return shutil.which(name, path=search_path()) is not None

    def output(self, words: list[str]) -> str | None:
        """What a command prints; None where it is missing or fails."""
        try:
            done = subprocess.run(words, capture_output=True, timeout=60, env={**os.environ, "PATH": search_path(), "LC_ALL": "C"})
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.decode(errors="replace") if done.returncode == 0 else None

    def may_open(self, path: str) -> bool:
        return os.access(path, os.R_OK | os.W_OK)

    def kvm_extension(self, path: str, capability: int) -> int | None:
        """What KVM says of one of its capabilities; None where it cannot be asked."""
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return fcntl.ioctl(file, KVM_CHECK_EXTENSION, capability)
        except OSError:
            return None
        finally:
            os.close(file)
