# SPDX-License-Identifier: Apache-2.0
"""A tar of pictures goes in, the names and places of its pictures come out; nothing is ever extracted.

A tar is somebody else's file: whatever in it could not come from an honest packer of pictures refuses the whole tar.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.errors import DataError
from leadline.rasters.images import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase
    from pathlib import Path

    from numpy.typing import NDArray

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")

BROKEN_TAR = (tarfile.TarError, OSError, EOFError, ValueError, OverflowError, zlib.error)
"""What the standard library raises on tars that are damaged, truncated or no tars at all."""


@dataclass(frozen=True, slots=True)
class TarIndex:
    """The pictures of one tar in the order in which they lie there.

    Attributes:
        names: (N,) bytes, the members' paths in UTF-8, parts joined by ``/``, no leading ``./``.
        offsets, sizes: (N,) int64, where the bytes of each lie in the (unpacked) tar.
    """

    names: NDArray[np.bytes_]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets)

    def name(self, index: int) -> str:
        """The path of picture ``index`` inside the tar."""
        return bytes(self.names[index]).decode(errors="surrogateescape")


def scan_tar(tar: Path) -> TarIndex:
    """Go through the headers of a ``.tar``, or through all of a ``.tar.gz``, and note where its pictures lie.

    Files that are no pictures by their ending (the ``.json`` of SA-1B), hidden ones and folders are passed over.

    Raises:
        DataError: unreadable, truncated, damaged or without its end mark; a member that is a link, device or anything else
            but a file or folder; a path that is absolute or holds ``..``, a backslash or control characters; two pictures
            whose file names agree up to their ending.  The tar and the member are named.
    """
    names, offsets, sizes = [], [], []
    seen: dict[str, str] = {}  # file names without their ending, and where each lies
    try:
        with tarfile.open(tar, "r:gz" if is_packed(tar) else "r:") as archive:
            for member in _members(archive, tar):
                path = _honest_path(member, tar)
                if not _is_picture(path, member):
                    continue
                if path.stem in seen:
                    raise _two_alike(tar, seen[path.stem], str(path))
                seen[path.stem] = str(path)
                names.append(str(path))
                offsets.append(member.offset_data)
                sizes.append(member.size)
    except BROKEN_TAR as error:
        raise _broken(tar, str(error) or type(error).__name__) from error
    stored = np.array([name.encode(errors="surrogateescape") for name in names], dtype=np.bytes_)
    return TarIndex(stored, np.array(offsets, np.int64), np.array(sizes, np.int64))


def is_packed(tar: Path) -> bool:
    """Whether the tar is compressed as a whole, so that reading one picture means unpacking all before it."""
    return not tar.name.lower().endswith(".tar")


def open_stream(tar: Path) -> BufferedIOBase:
    """The (unpacked) bytes of a tar, in which the offsets of its index hold.  OSError when it cannot be opened."""
    return gzip.open(tar) if is_packed(tar) else tar.open("rb")


def read_member(stream: BufferedIOBase, tar: Path, index: TarIndex, which: int) -> bytes:
    """The bytes of picture ``which``, exactly as many as its header promises.

    Raises:
        DataError: the tar ends before them or cannot be read; it has changed since it was indexed, or the disk fails.
    """
    try:
        stream.seek(int(index.offsets[which]))
        stored = stream.read(int(index.sizes[which]))
    except BROKEN_TAR as error:
        raise _broken(tar, f"{index.name(which)}: {error}") from error
    if len(stored) != index.sizes[which]:
        raise _broken(tar, f"it ends within {index.name(which)}")
    return stored


def unreadable_tar(tar: Path, error: BaseException) -> DataError:
    """What a user is told of a tar that cannot be read at all."""
    return _broken(tar, str(error) or type(error).__name__)


def _members(archive: tarfile.TarFile, tar: Path) -> Iterator[tarfile.TarInfo]:
    """Every member, and at the end the proof that it was the end: tarfile itself stops at damage without a word."""
    for member in archive:
        if member.size < 0:
            raise _broken(tar, f"member {member.name!r} of negative size")
        yield member
    stream = archive.fileobj
    if stream is None:
        return
    stream.seek(archive.offset)
    block = stream.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise _broken(tar, f"it breaks off at byte {archive.offset}, without the mark that ends a tar")
    if any(block):
        raise _broken(tar, f"no header where one must be, at byte {archive.offset}")
    while is_packed(tar) and stream.read(1 << 20):  # the checksum of the packed stream comes last
        pass


def _honest_path(member: tarfile.TarInfo, tar: Path) -> PurePosixPath:
    name = member.name
    kind = _odd_kind(member)
    if kind is not None:
        raise _hostile(tar, name, f"a {kind}")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
        raise _hostile(tar, name, "a path that leads elsewhere or cannot be a file name")
    return path


def _odd_kind(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.islnk():
        return f"link to {member.linkname!r}"
    if member.issparse():
        return "file with holes"
    return None if member.isfile() or member.isdir() else "device"


def _is_picture(path: PurePosixPath, member: tarfile.TarInfo) -> bool:
    is_hidden = any(part.startswith(".") for part in path.parts)
    return member.isfile() and not is_hidden and path.suffix.lower() in IMAGE_SUFFIXES


def _broken(tar: Path, got: str) -> DataError:
    return DataError(expected="a complete tar of pictures", got=f"{tar} ({got})", remedy="download or pack it again")


def _hostile(tar: Path, name: str, what: str) -> DataError:
    return DataError(
        expected="plain files and folders below the top of the tar",
        got=f"{what} in {tar}: {name!r}",
        remedy="do not trust this tar; pack its pictures anew under relative names",
    )


def _two_alike(tar: Path, first: str, second: str) -> DataError:
    return DataError(
        expected="one picture per file name in a tar, endings and folders aside",
        got=f"{first!r} and {second!r} in {tar}",
        remedy="rename one of them, or put them into different tars",
    )
