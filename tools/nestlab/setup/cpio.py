# SPDX-License-Identifier: GPL-2.0-only
"""An initramfs archive ("newc" cpio), written without root rights."""

from dataclasses import dataclass, field

FILE, FOLDER, LINK, CHAR = 0o100000, 0o040000, 0o120000, 0o020000


@dataclass
class Archive:
    """Collects entries; folders above an entry come by themselves."""

    _body: bytearray = field(default_factory=bytearray)
    _known: set[str] = field(default_factory=set)
    _inode: int = 0

    def folder(self, path: str) -> None:
        path = path.strip("/")
        if path and path not in self._known:
            self._parents(path)
            self._known.add(path)
            self._entry(path, FOLDER | 0o755, b"")

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self._parents(path)
        self._entry(path.strip("/"), FILE | mode, data)

    def link(self, path: str, target: str) -> None:
        self._parents(path)
        self._entry(path.strip("/"), LINK | 0o777, target.encode())

    def device(self, path: str, major: int, minor: int) -> None:
        """A character device."""
        self._parents(path)
        self._entry(path.strip("/"), CHAR | 0o600, b"", (major, minor))

    def finish(self) -> bytes:
        """The whole archive."""
        self._entry("TRAILER!!!", 0, b"")
        return bytes(self._body)

    def _parents(self, path: str) -> None:
        if "/" in path.strip("/"):
            self.folder(path.strip("/").rsplit("/", 1)[0])

    def _entry(self, name: str, mode: int, data: bytes, device: tuple[int, int] = (0, 0)) -> None:
        self._inode += 1
        raw = name.encode() + b"\0"
        numbers = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(raw), 0)
        self._body += b"070701" + b"".join(b"%08X" % number for number in numbers) + raw
        self._pad()
        self._body += data
        self._pad()

    def _pad(self) -> None:
        self._body += bytes(-len(self._body) % 4)
