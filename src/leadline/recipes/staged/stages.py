# SPDX-License-Identifier: Apache-2.0
"""A chain of work: stages with what each depends on enter; their folders leave, made once and found again by content.

A stage's folder carries a digest of everything that decides its result, the stages before it included; of data with truth
that is the flags that name them, not the files.  Whatever was made
with the same words is found there again, by another run of the chain or by a cell of an ablation; a stage that was cut off
goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadline.contracts.errors import StorageError
from leadline.contracts.paths import is_file
from leadline.data.picture_folder import find_pictures
from leadline.data.picture_shards import tars_below
from leadline.rasters.atomic import atomically
from leadline.training import distributed

DONE = "stage.json"
logger = logging.getLogger(__name__)

# Flags that change no result.  What a run is worth does not depend on where it lies, what watches it, or how often it saves.
NEUTRAL = frozenset(
    {
        *("save_dir", "log_dir", "cache_stages", "cache_dir", "cache_features", "stage", "teacher", "student", "resume"),
        *("run_id", "device", "num_workers", "pin_memory", "log_interval", "save_every", "keep_epochs"),
        *(
            "baseline",
            "evaluate_on",
            "label_workers",
            "deterministic",
            "wandb",
            "wandb_project",
            "wandb_entity",
            "wandb_name",
        ),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One piece of work.

    Attributes:
        name: e.g. "teacher".
        depends: everything that decides the result, as plain values.
        work: does it in the folder it is given, or goes on with what is there.
    """

    name: str
    depends: Mapping[str, object]
    work: Callable[[Path], object]

    def folder(self, root: Path) -> Path:
        """Where it lies below ``root``, done or not."""
        return root / f"{self.name}-{digest(self.depends)}"


def digest(values: Mapping[str, object]) -> str:
    """Ten hexadecimal digits of plain values, whatever their order.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})
    True
    """
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:10]


def deciding(config: Any, *, without: frozenset[str] = frozenset()) -> dict[str, object]:
    """The fields of a configuration that decide a result, those ``without`` left out.

    Validation decides which checkpoint is the best; it is named where it is switched off.
    """
    names = [field.name for field in dataclasses.fields(config) if field.name not in NEUTRAL | without]
    return {name: getattr(config, name) for name in names if name != "validate" or not config.validate}


def content_of(path: str) -> str:
    """A weights file by what is in it, "" for none; what is no file (a run folder, hf:...) by its name and best weights."""
    file = Path(path)
    if not path:
        return ""
    if file.is_dir():
        found = sorted(file.glob("**/model.safetensors"))
        return digest({one.relative_to(file).as_posix(): content_of(str(one)) for one in found}) if found else path
    if not file.is_file():
        return path
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:10]


def listing_of(source: Path) -> str:
    """Pictures below a folder by their names, tars by names and sizes: ten digits, and no file is opened.

    What is in a picture is checked against the digest in its label's line whenever it is read.

    Raises:
        DataError: the folder cannot be listed.
    """
    folder = not is_file(source)
    tars = {name: source / name for name in tars_below(source)} if folder else {source.name: source}
    sizes = [f"{name} {tar.stat().st_size if is_file(tar) else 'gone'}" for name, tar in tars.items()]
    hashed = hashlib.sha256()
    for said in (*(find_pictures(source).names if folder else ()), *sizes):
        hashed.update(said.encode(errors="surrogateescape") + b"\0")
    return hashed.hexdigest()[:10]


def is_done(folder: Path) -> bool:
    """Whether a stage's folder holds a finished stage."""
    return (folder / DONE).is_file()


def complete(stage: Stage, root: Path) -> Path:
    """The stage's folder, with its work done now or before.  Raises what the work raises; it goes on there another time."""
    folder = stage.folder(root)
    if is_done(folder):
        logger.info("stage %s: done before, in %s", stage.name, folder)
        return folder
    logger.info("stage %s: in %s", stage.name, folder)
    began_s = time.monotonic()
    stage.work(folder)
    with distributed.together() as ranks:
        distributed.wait_for_all()
        if ranks.rank == 0:
            said = {"stage": stage.name, "depends": stage.depends, "seconds": round(time.monotonic() - began_s, 1)}
            with atomically(folder / DONE) as temporary:
                temporary.write_text(json.dumps(said, indent=2, default=str) + "\n", encoding="utf-8")
        distributed.wait_for_all()
    return folder


def finished(stage: Stage, root: Path, *, wanted_by: str) -> Path:
    """The folder of a stage that must be there already.

    Raises:
        StorageError: it was not run with these flags.
    """
    folder = stage.folder(root)
    if is_done(folder):
        return folder
    others = ", ".join(sorted(one.parent.name for one in root.glob(f"{stage.name}-*/{DONE}")))
    raise StorageError(
        expected=f"the finished stage {stage.name} for stage {wanted_by}, in {folder}",
        got=f"{others}, made with other flags, weights or pictures" if others else "none",
        remedy=f"run it with the same flags and --stage {stage.name}, or leave --stage out",
    )
