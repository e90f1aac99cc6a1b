# SPDX-License-Identifier: Apache-2.0
"""What a user asks of a label job enters; one checked, typed request leaves.

Nothing here imports torch, so that drivers stay small.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from leadline.contracts.errors import require

Store = Literal["network", "picture"]
Executor = Literal["local", "ray", "rank"]
PICTURES_PER_SHARD = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelRequest:
    """One label job: which model labels which pictures, how, and where the labels go."""

    model: str
    """MODEL, see ``leadline.contracts.model_forms``."""
    images: Path
    """A folder of pictures, a folder of tars, or one tar."""
    out: Path
    """Folder of the labels."""
    dtype: Literal["uint16", "fp16"] = "uint16"
    """How numbers are stored, see ``leadline.rasters.label_codec``."""
    store: Store = "network"
    """At the network's own size, or enlarged to the picture's."""
    tta: Literal["none", "flip"] = "none"
    """Look again at each picture mirrored, and average."""
    min_valid: float = 0.0
    """Labels with a smaller share of valid pixels are dropped: their lines stay and say so, without a label."""
    drop_dead: bool = False
    """Constant labels are dropped in the same way."""
    on_unreadable: Literal["stop", "skip"] = "skip"
    """At an unreadable picture: stop, or give it a line with the reason and go on."""
    pictures_per_shard: int = PICTURES_PER_SHARD
    """Pictures of a folder in each shard; a tar is one shard."""
    runtime: Literal["torch", "onnx", "openvino"] = "torch"
    """What runs the network; there is no "auto", because machines would choose differently."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """fp32 pins exactness."""
    architecture: str | None = None
    """The network of a bare weights file that does not say."""
    input_size: int | None = None
    """Shorter side in pixels at which the network sees pictures; None takes the model's own."""
    batch_size: int = 1
    """Pictures in memory together; those of one size go through the network together."""
    threads: int = 1
    """Of torch in each worker.  A part of the settings, for sums over several threads round differently."""
    executor: Executor = "local"
    """Processes here, a Ray cluster, or this process as one of many by its rank."""
    workers: int = 0
    """Processes of the local executor; 0: one per GPU, or per ``threads`` cores."""
    address: str | None = None
    """Of a Ray cluster; None starts one here."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for flag, value in (("--batch-size", self.batch_size), ("--threads", self.threads)):
            require(value >= 1, f"{flag} of at least 1", value, "use 1")
        require(self.workers >= 0, "--workers of 0 or more", self.workers, "use 0 for as many as fit")
        require(0 <= self.min_valid <= 1, "--min-valid from 0 to 1", self.min_valid, "use e.g. 0.5")
        of_ray, of_local = self.address is not None, self.workers > 0
        require(not of_ray or self.executor == "ray", "--executor ray with --address", self.executor, "leave one out")
        require(not of_local or self.executor == "local", "--executor local with --workers", self.executor, "leave one out")
        apart = self.out.resolve() != self.images.resolve()
        require(apart, "--out beside the pictures", str(self.out), "name another folder")

    @property
    def settings(self) -> dict[str, object]:
        """The part of what labels depend on that the request alone decides."""
        return {
            "dtype": self.dtype,
            "store": self.store,
            "tta": self.tta,
            "min_valid": self.min_valid,
            "drop_dead": self.drop_dead,
            "runtime": self.runtime,
            "batch_size": self.batch_size,
            "threads": self.threads,
        }
