# SPDX-License-Identifier: Apache-2.0
"""Names and bytes enter one by one; a tar that depends on them alone leaves, with its digest."""

from __future__ import annotations

import hashlib
import io
import math
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from leadline.contracts.errors import DataError

_MODE = 0o644


class LabelTar:
    """An open tar of labels.  Members carry no time, owner, group or host."""

    def __init__(self, file: IO[bytes]) -> None:
        self._hashing = _Hashing(file)
        file_like = cast("IO[bytes]", self._hashing)  # of which a tar that is only written uses tell and write
        self._archive = tarfile.open(fileobj=file_like, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115

    def add(self, name: str, data: bytes) -> int:
        """One member; the place in the tar where its bytes begin."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(data), _MODE
        self._archive.addfile(member, io.BytesIO(data))
        end = int(self._archive.offset)
        return end - math.ceil(len(data) / tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE

    def close(self) -> None:
        """Write the end mark."""
        self._archive.close()

    @property
    def sha256(self) -> str:
        """Of all bytes; to be asked after ``close``."""
        return self._hashing.digest.hexdigest()


@contextmanager
def label_tar(path: Path) -> Iterator[LabelTar]:
    """A new tar at ``path``, closed at the end of the block."""
    with path.open("wb") as file:
        tar = LabelTar(file)
        yield tar
        tar.close()


class MemberNames:
    """Names of labels inside the tar of one shard: their pictures' paths, with the ending of the label."""

    def __init__(self, shard: str, suffix: str) -> None:
        self._prefix, self._suffix = f"{shard}/", suffix
        self._taken: dict[str, str] = {}

    def of(self, key: str) -> str:
        """The member for a picture's key.

        >>> MemberNames("sa_1.tar", ".png").of("sa_1.tar/sa_7.jpg")
        'sa_7.png'

        Raises:
            DataError: another picture of the shard has the same; both are named.
        """
        parts = PurePosixPath(key.removeprefix(self._prefix)).with_suffix("").parts
        safe = "/".join(part for part in parts if part not in ("/", ".."))
        name = safe + self._suffix
        if (other := self._taken.setdefault(name, key)) != key:
            raise DataError(
                expected="one picture per name, endings aside, for a label is named after its picture",
                got=f"{other} and {key}",
                remedy="rename or remove one of them",
            )
        return name


class _Hashing:
    """A file that digests what passes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """As a file's."""
        self.digest.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        """As a file's."""
        return self._file.tell()
