# SPDX-License-Identifier: Apache-2.0
"""Every hyper-parameter of the ``metric`` recipe: flag, default and meaning.  Free of torch, so that ``--help`` is quick.

The names and defaults of most of them are those of the DA2+Zoe reference trainer, whose command lines keep working; what
it lacked stands beside.  These are the recipe's defaults; models and engine, built alone, have their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from leadline.contracts.errors import UsageError
from leadline.training.settings import Schedule  # torch-free as well

# Smallest values that mean something, by field.
_AT_LEAST = {
    **dict.fromkeys(("batch_size", "num_epochs", "lr_step_size", "accumulate", "log_interval", "procedural_count"), 1),
    **dict.fromkeys(("epoch_images", "validation_images", "num_workers", "warmup_steps", "save_every", "keep_epochs"), 0),
    **dict.fromkeys(("seed", "weight_decay"), 0),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricConfig:
    """DINOv2 (or any timm) encoder, DPT decoder and ZoeDepth's metric bins, trained for metres."""

    encoder: str = "vitl"
    """vits, vitb, vitl, vitg (DINOv2 with the Depth Anything V2 taps), or timm:NAME for any timm backbone."""
    taps: Literal["v2", "v1"] = "v2"
    """Which blocks of a DINOv2 encoder are tapped: Depth Anything V2's spread ones, or V1's last four."""
    head: Literal["bins", "sigmoid"] = "bins"
    """ZoeDepth's metric bins, or sigmoid x max-depth as in the metric Depth Anything V2 models."""
    feature_mode: Literal["zoe", "stride8"] = "zoe"
    """What the head sees: the taps ZoeDepth takes from Depth Anything, or a pyramid at exactly 1/8, 1/16, 1/32."""
    n_bins: int = 64
    """Number of depth bins."""
    bin_centers_type: Literal["normed", "softplus", "hybrid1", "hybrid2"] = "softplus"
    """Bounded or unbounded seed centres and attractors (ZoeDepth, arXiv 2302.12288)."""
    bin_embedding_dim: int = 128
    """Channels of the bin embedding."""
    min_depth: float = 1e-3
    """Metres; bounds the bins and masks the ground truth."""
    max_depth: float = 10.0
    """Metres; bounds the bins and masks the ground truth."""
    n_attractors: tuple[int, ...] = (16, 8, 4, 1)
    """Attractors per level, coarse to fine; exactly four."""
    attractor_alpha: float = 300.0
    """Inverse strength of the pull; live, unlike in the released code."""
    attractor_gamma: int = 2
    """Exponent of the pull; live, unlike in the released code."""
    attractor_kind: Literal["sum", "mean"] = "sum"
    """How the attractors of a level combine; released ZoeDepth weights use mean."""
    attractor_type: Literal["inv", "exp"] = "inv"
    """Form of the pull; inv is the better one in the paper's table 5."""
    min_temp: float = 5.0
    """Lowest temperature of the log-binomial; released ZoeDepth weights use 0.0212."""
    max_temp: float = 50.0
    """Highest temperature of the log-binomial."""
    compat: bool = False
    """Pin what released ZoeDepth weights were trained with: alpha 300, gamma 2, raw bounded attractors."""
    decoder_features: int | None = None
    """Channels of the DPT decoder; None takes the encoder's published table."""
    train_encoder: bool = False
    """Train the encoder too; otherwise it stays frozen, bit for bit."""
    encoder_lr_factor: float = 10.0
    """The encoder learns at lr / factor."""

    batch_size: int = 4
    """Pictures per step over all processes."""
    num_epochs: int = 50
    """Passes over the training pictures."""
    epoch_images: int = 0
    """Pictures per epoch; 0 means one pass over all training pictures."""
    lr: float = 1e-4
    """Learning rate of decoder and head."""
    weight_decay: float = 1e-4
    """AdamW's decoupled weight decay."""
    decay_norm_and_bias: bool = True
    """Decay biases, norms, position embedding and layer scale too, as the reference does."""
    schedule: Schedule = "step"
    """Learning-rate schedule."""
    lr_step_size: int = 15
    """Epochs between drops of the step schedule."""
    lr_gamma: float = 0.1
    """Factor of each drop."""
    warmup_steps: int = 0
    """Steps of linear warm-up, for every schedule but onecycle."""
    max_grad_norm: float = 1.0
    """Clip of the gradient norm over trained parameters; 0 or less switches it off."""
    use_lr_params: bool = True
    """Learning rate per part of the model; off trains all parts at lr."""
    accumulate: int = 1
    """Batches gathered for one update; their losses count by their number of valid pixels."""
    amp: bool = True
    """bf16 autocast of the networks where the hardware has bf16 units; losses and bins stay in fp32 in any case."""
    ema_decay: float = 0.0
    """Decay of the averaged weights that are then validated and saved; 0 switches them off."""
    seed: int = 0
    """Everything random follows from it."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    deterministic: bool = False
    """Deterministic kernels on accelerators, slower; the CPU is always deterministic."""

    silog_weight: float = 1.0
    """Weight of ZoeDepth's SILog loss; 0 skips it."""
    grad_weight: float = 0.5
    """Weight of ZoeDepth's gradient loss; 0 skips it."""
    metric_silog_weight: float = 0.5
    """Weight of Depth Anything V2's SiLog loss; 0 skips it."""

    datasets: tuple[str, ...] = ("nyu", "sunrgbd")
    """What to train on (leadline list datasets).  ibims and da2k are benchmarks: they are validated on, not trained on."""
    dataset_root: tuple[str, ...] = ()
    """NAME=DIR: the folder of any dataset; the same as --nyu-root, --sunrgbd-root, ... for those that have such a flag."""
    dataset_list: tuple[str, ...] = ()
    """NAME=FILE: the list of a dataset's samples, where it is not the usual one below its folder."""
    dataset_option: tuple[str, ...] = ()
    """NAME.KEY=VALUE: a dataset's own settings, e.g. nyu.crop_white_border=true."""
    dataset_weights: tuple[float, ...] = ()
    """Share of each training dataset in an epoch; empty: by number of pictures."""
    train_on_benchmarks: bool = False
    """Train on ibims nevertheless (its numbers then mean nothing)."""
    target_size: tuple[int, ...] = (384,)
    """Training size: side, or height and width; rounded to the encoder's patch with a message."""
    resize: Literal["cover", "squash"] = "cover"
    """cover keeps the aspect and crops; squash stretches as the reference does (prediction never stretches)."""
    augment: bool = True
    """Mirror and ZoeDepth's colour jitter."""
    num_workers: int = 4
    """Loader processes; the order of samples does not depend on it."""
    pin_memory: bool = True
    """Page-locked batches, where there is a CUDA device."""
    on_unreadable: Literal["stop", "skip"] = "stop"
    """At an unreadable sample: stop, or count and name it and go on."""
    nyu_csv: Path | None = None
    """CSV (rgb,depth) or text list (rgb depth focal) of NYU Depth v2; by default the usual one below its folder."""
    nyu_root: Path | None = None
    """Folder the paths of the NYU list are relative to."""
    sunrgbd_json: Path | None = None
    """JSON list of SUN RGB-D; without it the tree below the root is scanned."""
    sunrgbd_root: Path | None = None
    """Folder that holds SUNRGBD/."""
    use_bfx_depth: bool = False
    """SUN RGB-D: the in-painted depth_bfx instead of the raw depth."""
    exclude_nyu_leak: bool = True
    """SUN RGB-D: leave out kv1/NYUdata, which holds all 654 NYU test pictures."""
    ibims_root: Path | None = None
    """Folder of iBims-1."""
    da2k_root: Path | None = None
    """Folder of DA-2K."""
    da2k_annotation: Path | None = None
    """annotations.json of DA-2K; by default the one in its root."""
    labelled_root: Path | None = None
    """Your own pictures with depth: a folder with manifest.jsonl, or image/ and depth/ side by side."""
    procedural_count: int = 4000
    """Number of built-in procedural training scenes."""
    procedural_kinds: tuple[Literal["room", "yard", "street"], ...] = ()
    """Kinds of procedural scenes; empty: the default mix of all three."""
    validation_images: int = 200
    """At most so many validation pictures per dataset and epoch, evenly spaced; 0 takes all."""

    save_dir: Path = Path("./checkpoints")
    """The run folder: configuration, log, checkpoints, report."""
    log_dir: Path = Path("./logs")
    """TensorBoard events go to a folder in here that is named after the run folder's path."""
    pretrained_checkpoint: str = ""
    """Weights to start from: ours, official Depth Anything (V1, V2, metric), DINOv2, npz, safetensors."""
    pretrained_version: Literal["auto", "v1", "v2"] = "auto"
    """Which Depth Anything a bare file is, where its name does not say."""
    resume: str = ""
    """Continue a run: its folder or one of its checkpoints."""
    log_interval: int = 10
    """Steps between log lines."""
    save_every: int = 0
    """Steps between extra checkpoints within an epoch; 0 saves at each epoch's end."""
    keep_epochs: int = 3
    """Numbered epoch checkpoints that are kept; 0 writes none."""
    validate: bool = True
    """Validate after each epoch and keep the best checkpoint."""
    select_by: Literal["loss", "abs_rel"] = "loss"
    """What decides which checkpoint is best."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            flag, least = "--" + field.name.replace("_", "-"), _AT_LEAST.get(field.name, -math.inf)
            if isinstance(value, float):
                _require(math.isfinite(value), f"a finite number for {flag}", value, f"change {flag}")
            if field.name in _AT_LEAST:
                _require(value >= least, f"{flag} of at least {least}", value, f"change {flag}")
        _require(self.lr > 0, "--lr above 0", self.lr, "e.g. --lr 1e-4")
        _require(
            self.encoder_lr_factor > 0,
            "--encoder-lr-factor above 0",
            self.encoder_lr_factor,
            "leave --train-encoder off to freeze the encoder",
        )
        _require(
            0 < self.min_depth < self.max_depth,
            "0 < --min-depth < --max-depth",
            (self.min_depth, self.max_depth),
            "give metres",
        )
        _require(
            len(self.target_size) in {1, 2} and min(self.target_size) > 0,
            "--target-size SIDE or HEIGHT WIDTH",
            self.target_size,
            "e.g. --target-size 392 518",
        )
        _require(
            len(set(self.datasets)) == len(self.datasets) > 0,
            "--datasets without repetition",
            self.datasets,
            "name each once",
        )
        weights = (self.silog_weight, self.grad_weight, self.metric_silog_weight)
        _require(
            min(weights) >= 0 and max(weights) > 0, "loss weights of 0 or more, not all 0", weights, "raise --silog-weight"
        )
        _require(0 <= self.ema_decay < 1, "--ema-decay in [0, 1)", self.ema_decay, "e.g. 0.999")

    @property
    def size(self) -> tuple[int, int]:
        """Requested training size, (height, width) in pixels."""
        return (self.target_size[0], self.target_size[-1])


def _require(holds: bool, expected: str, got: object, remedy: str) -> None:  # noqa: FBT001
    if not holds:
        raise UsageError(expected=expected, got=repr(got), remedy=remedy)
