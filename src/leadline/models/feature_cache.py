# SPDX-License-Identifier: Apache-2.0
"""A frozen encoder's maps, computed once: images enter, their maps leave, from memory or disk where they were seen before.

An image is known by its content.  Whatever changes a pixel (a crop, a jitter) makes another image, so the cache is never
wrong and only useful for views that come again.  Each image passes the encoder alone: what is stored then does not depend
on the batch it came in, and a resumed run finds the numbers of the uninterrupted one.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from leadline.contracts.errors import StorageError
from leadline.models.depth_model import DepthModel
from leadline.models.features import Features
from leadline.models.tensor_writing import save_tensors

_DIGEST_BYTES = 16


class FeatureCache:
    """Remembers what a model's encoder says of every image, (3,H,W) each, of any sizes.

    Args:
        model: its encoder must not change once it was asked.
        folder: keeps one file per image in a folder below, named after the encoder's weights; None keeps them in memory.
    """

    def __init__(self, model: DepthModel, folder: Path | None = None) -> None:
        self._model, self._folder = model, folder
        self._place: Path | None = None
        self._kept: dict[str, dict[str, Tensor]] = {}
        self.hits = self.misses = 0

    def __call__(self, image_B3HW: Tensor) -> Features:
        """(B,3,H,W) normalised -> their features on the same device, without unit.

        Under autocast the maps are kept in its type, in which the decoder's first product would read them anyway.

        Raises:
            StorageError: the folder cannot be written.
        """
        found = [self._of(one) for one in image_B3HW]
        stacked = {name: torch.stack([one[name] for one in found]).to(image_B3HW.device) for name in found[0]}
        maps = [value.permute(0, 3, 1, 2) for name, value in stacked.items() if name.startswith("map")]
        prefix = [value for name, value in stacked.items() if name.startswith("prefix")]
        return Features(maps=tuple(maps), strides=self._model.encoder.layout.strides, prefix=tuple(prefix))

    @property
    def kept_bytes(self) -> int:
        """What the maps in memory take."""
        return sum(value.nbytes for one in self._kept.values() for value in one.values())

    def _of(self, image: Tensor) -> dict[str, Tensor]:
        key = _key(image)
        known = self._look_up(key)
        if known is not None:
            self.hits += 1
            return known
        self.misses += 1
        with torch.no_grad():
            features = self._model.encode(image[None])
        kind = torch.get_autocast_dtype(image.device.type) if torch.is_autocast_enabled(image.device.type) else None
        # channels last, as a transformer hands its maps out: the decoder's convolutions are faster and the numbers the same
        named = {f"map{index}": one[0].permute(1, 2, 0) for index, one in enumerate(features.maps)}
        named |= {f"prefix{index}": one[0] for index, one in enumerate(features.prefix)}
        kept = {name: value.to("cpu", kind or value.dtype).contiguous() for name, value in named.items()}
        self._store(key, kept)
        return kept

    def _look_up(self, key: str) -> dict[str, Tensor] | None:
        if self._folder is None:
            return self._kept.get(key)
        path = self._path(self._folder, key)
        return load_file(path) if path.exists() else None

    def _store(self, key: str, tensors: dict[str, Tensor]) -> None:
        if self._folder is None:
            self._kept[key] = tensors
            return
        path = self._path(self._folder, key)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_tensors(tensors, unfinished)
            unfinished.replace(path)
        except Exception as error:
            with suppress(OSError):
                unfinished.unlink()
            raise StorageError(
                expected=f"to keep features in {path.parent}", got=str(error), remedy="free space, or keep them in memory"
            ) from error

    def _path(self, folder: Path, key: str) -> Path:
        if self._place is None:  # only now: a continued run reads its weights after it was put together
            self._place = folder / fingerprint(self._model)
        return self._place / f"{key}.safetensors"


def fingerprint(model: DepthModel) -> str:
    """A name for what ``model.encode`` computes: the encoder's weights, of any shapes, and which of its blocks are read."""
    config = model.config
    read = "" if config.decoder == "dpt" else config.decoder  # another decoder has other maps read
    says = f"{config.encoder} {config.taps} {config.position_rule}{read}"
    digest = hashlib.blake2b(says.encode(), digest_size=_DIGEST_BYTES)
    for name, value in sorted(model.encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(_bytes_of(value))
    return digest.hexdigest()


def _key(image: Tensor) -> str:
    """Content, size and arithmetic of one image (3,H,W)."""
    arithmetic = torch.get_autocast_dtype(image.device.type) if torch.is_autocast_enabled(image.device.type) else image.dtype
    digest = hashlib.blake2b(f"{tuple(image.shape)} {arithmetic}".encode(), digest_size=_DIGEST_BYTES)
    digest.update(_bytes_of(image))
    return digest.hexdigest()


def _bytes_of(value: Tensor) -> bytes:
    return value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
