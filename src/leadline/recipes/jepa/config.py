# SPDX-License-Identifier: Apache-2.0
"""Every hyper-parameter of the ``jepa`` recipe: flag, default and meaning.  Free of torch, so that ``--help`` is quick.

The flags of the JEPA-depth reference and of its sibling without views keep working under their own names, which stand here
as aliases; what they lacked stands beside.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import tyro

from leadline.contracts.errors import require
from leadline.models.encoder_sizes import BEIT_SIZES, DINOV2_SIZES
from leadline.recipes.supervised.data_config import DataConfig
from leadline.training.settings import Schedule  # torch-free as well

if TYPE_CHECKING:
    from leadline.data.request import OptionValue

_TIMM = "timm:"
_LEAST = 2
"""Pictures whose spread can be told; SIGReg of one would pull it to the origin."""


def _also(*names: str) -> object:
    """The reference's spelling of a flag."""
    return tyro.conf.arg(aliases=[f"--{name.replace('_', '-')}" for name in names])


@dataclass(frozen=True, kw_only=True, slots=True)
class JepaConfig(DataConfig):
    """A depth network that also learns to say the same of several looks at one picture (LeJEPA, arXiv 2511.08544)."""

    recipe: ClassVar[str] = "jepa"
    least: ClassVar[dict[str, int]] = {
        **DataConfig.least,
        **dict.fromkeys(("v_global", "slices", "proj_dim", "proj_layers", "proj_hidden"), 1),
        **dict.fromkeys(("v_local", "depth_weight", "jepa_weight", "sigreg_weight", "variance_weight", "dense_weight"), 0),
        **{"max_img_size": 1, "knots": 2},
    }
    root_flags: ClassVar[dict[str, str]] = {**DataConfig.root_flags, "ddos": "ddos_root"}

    encoder: Annotated[str, _also("model")] = "vit_small_patch16_224.augreg_in21k"
    """Any timm backbone (timm:NAME or NAME alone), or vits, vitb, vitl, vitg for Depth Anything's DINOv2."""
    decoder: Literal["upsample", "dpt"] = "upsample"
    """Doublings of the last map as the reference has them, or DPT on four maps."""
    decoder_features: int | None = None
    """Width of the decoder; None takes 256 for upsample, the encoder's published table for dpt."""
    drop_path: float = 0.1
    """How often the last block's branch is left out while training (less for earlier ones); timm encoders only."""
    gradient_checkpointing: bool = False
    """Compute activations again on the way back instead of keeping them: less memory, a third more time."""
    normalisation: Literal["own", "imagenet"] = "own"
    """By the mean and spread the backbone was trained with, or by ImageNet's as the reference does."""

    v_global: Annotated[int, _also("V_global")] = 2
    """Global views of each picture; with --full-size there is one."""
    v_local: Annotated[int, _also("V_local")] = 4
    """Local views of each picture; 0 for none."""
    target_size: Annotated[tuple[int, ...], _also("global_img_size", "img_size")] = (224,)
    """Size of global views and of validation: side, or height and width; rounded to the encoder's patch with a message."""
    local_size: Annotated[tuple[int, ...], _also("local_img_size")] = (96,)
    """Size of local views, likewise."""
    global_area: tuple[float, float] = (0.4, 1.0)
    """Smallest and largest share of the picture that a global view covers."""
    local_area: tuple[float, float] = (0.05, 0.4)
    """Smallest and largest share that a local view covers."""
    resize: Literal["cover", "squash"] = "cover"
    """How pictures that are validated on come to --target-size; views and whole pictures do not look at it."""
    colour_jitter: bool = True
    """The changes of --colours, as part of --augment."""
    colours: Literal["reference", "official"] = "reference"
    """Jitter and greying of the JEPA-depth reference, or LeJEPA's with blur and solarizing, where --colour-jitter is on."""

    depth_weight: float = 1.0
    """Weight of the depth loss; 0 learns from pictures alone, also from datasets without depth, and validates nothing."""
    depth_loss: Literal["scale-invariant", "smooth-l1"] = "scale-invariant"
    """Eigen's (2014) loss of each picture, half the mean kept; or smooth L1 and its gradients in units of --max-depth."""
    depth_on: Literal["global", "all"] = "all"
    """Which views learn depth: the reference takes all; a local view has little that tells its scale."""
    jepa_weight: float = 0.5
    """Weight of LeJEPA's loss; where nothing judges embeddings there is no projector, and only views that learn depth."""
    lamb: float = 0.05
    """LeJEPA's lambda: 0 is invariance alone, 1 is SIGReg alone."""
    sigreg_weight: float = 0.0
    """Weight of SIGReg by itself, as the reference's sibling without views has it."""
    variance_weight: float = 0.0
    """Weight of how far each dimension's spread is from 1, which pulls where SIGReg hardly does; of each batch by itself."""
    dense_weight: float = 0.0
    """Weight of the invariance of patches that two global views show both."""
    slices: int = 1024
    """Directions of SIGReg, drawn anew in each update."""
    knots: int = 17
    """Points of its integral."""
    t_max: float = 3.0
    """Where its integral ends."""

    proj_dim: int = 512
    """Width of what LeJEPA's loss sees."""
    proj_hidden: int = 2048
    """Width of the projector's layers before it."""
    proj_layers: int = 3
    """Linear layers of the projector; the reference has 2."""
    proj_norm: Literal["auto", "batch", "layer"] = "auto"
    """Norm of the projector's hidden layers: auto is batch, but layer where batches are accumulated, to stay exact."""
    proj_output_norm: bool = False
    """Batch norm behind the projector, as in the reference; SIGReg then has hardly anything left to say."""

    full_size: bool = False
    """Whole pictures instead of crops: one view, sides cut down to the encoder's stride; --batch-size above 1 needs pictures
    of one size."""
    max_img_size: int = 1536
    """Longest side with --full-size; larger pictures are made smaller, smaller ones stay."""
    full_size_jepa: bool = False
    """With --full-size, SIGReg over the pictures of a whole update; otherwise depth alone is learned."""
    two_pass: bool = True
    """With --accumulate, SIGReg over all its pictures at the price of a second forward pass; else of each batch alone."""

    freeze_encoder: bool = False
    """Leave the encoder as it is, its norms and drop path included."""
    encoder_lr_factor: float = 1.0
    """The encoder learns at lr / factor."""
    pretrained_checkpoint: str = ""
    """Weights to start from: ours (a run of this recipe without depth, say), timm's, DINOv2, Depth Anything, safetensors."""
    pretrained_version: Literal["auto", "v1", "v2"] = "auto"
    """Which Depth Anything a bare file is, where its name does not say."""
    init: Literal["encoder", "all"] = "encoder"
    """What is taken of --pretrained-checkpoint: the encoder, or all that fits."""

    ddos_root: Path | None = None
    """Folder of DDOS."""
    neighborhoods: str = ""
    """Flights of DDOS to train on, e.g. 0,1,2 or park/3,neighbourhood/7; empty: all."""
    datasets: tuple[str, ...] = ("ddos",)
    """What to train on (leadline list datasets); with --depth-weight 0 also pictures without depth."""
    max_depth: float = 100.0
    """Metres; truth farther than this is not counted, and the network says nothing farther."""

    batch_size: Annotated[int, _also("bs")] = 16
    """Pictures per step over all processes; LeJEPA wants 128 or more."""
    num_epochs: Annotated[int, _also("epochs")] = 50
    """Passes over the training pictures."""
    accumulate: Annotated[int, _also("grad_accum")] = 1
    """Batches gathered for one update; the same as one batch of all their pictures, but for batch norms."""
    save_dir: Annotated[Path, _also("save_path")] = Path("./checkpoints/depth_jepa")
    """The run folder: configuration, log, checkpoints, report."""
    weight_decay: float = 0.05
    """AdamW's decoupled weight decay."""
    decay_norm_and_bias: bool = False
    """Decay biases, norms, position embedding and layer scale too, as the reference does."""
    beta2: float = 0.95
    """Decay of AdamW's second moment."""
    schedule: Schedule = "warmup-cosine"
    """Learning-rate schedule."""
    warmup_epochs: float = 1.0
    """Epochs of linear warm-up, for every schedule but onecycle; 0 where --warmup-steps says it in updates."""
    warmup_start: float = 0.01
    """Share of the learning rate that the first update of the warm-up uses; 0 makes that its first of equal steps."""
    min_lr: float = 1e-6
    """What the schedules that would fall to 0 (warmup-cosine, linear, poly) end at."""
    select_by: Literal["loss", "abs_rel", "delta1"] = "delta1"
    """What decides which checkpoint is best, and what --patience waits for."""
    seed: int = 42
    """Everything random follows from it."""
    log_interval: int = 20
    """Updates between log lines."""
    prefetch_factor: int = 4
    """Batches that each loader process reads ahead."""

    def __post_init__(self) -> None:
        DataConfig.__post_init__(self)
        require(0 <= self.lamb <= 1, "--lamb in [0, 1]", self.lamb, "e.g. --lamb 0.05")
        require(
            self.encoder_lr_factor > 0, "--encoder-lr-factor above 0", self.encoder_lr_factor, "--freeze-encoder freezes it"
        )
        require(self.t_max > 0, "--t-max above 0", self.t_max, "e.g. --t-max 3")
        require(0 <= self.drop_path < 1, "--drop-path in [0, 1)", self.drop_path, "e.g. --drop-path 0.1")
        local = len(self.local_size) in {1, 2} and min(self.local_size) > 0
        require(local, "--local-size SIDE or HEIGHT WIDTH", self.local_size, "e.g. --local-size 96")
        for flag, (low, high) in {"global": self.global_area, "local": self.local_area}.items():
            require(0 < low <= high <= 1, f"--{flag}-area LOW HIGH in (0, 1]", (low, high), "e.g. 0.4 1.0")
        cache = self.cache_features
        require(cache == "off", "no --cache-features, for every view is drawn anew", cache, "leave it out")
        weights = (self.depth_weight, self.jepa_weight, self.sigreg_weight)
        require(max(weights) > 0, "a loss weight above 0", weights, "raise --depth-weight or --jepa-weight")
        alone = "another loss than depth, which --full-size without --full-size-jepa leaves out"
        require(self.depth_weight > 0 or self.judges, alone, weights, "raise --depth-weight")
        seen = 1 if self.full_size else self.v_global
        pair = "--v-global of 2 or more for --dense-weight, which compares two views"
        require(not self.dense_weight or seen > 1, pair, seen, "leave --dense-weight out, or --full-size")
        whole = "--full-size beside --full-size-jepa"
        require(self.full_size or not self.full_size_jepa, whole, "crops", "leave it out, or say --full-size")
        flown = "ddos" in self.datasets or not self.neighborhoods
        require(flown, "dataset ddos for --neighborhoods", self.datasets, "leave it out, or add ddos to --datasets")
        self._require_enough()

    def _require_enough(self) -> None:
        together = self.batch_size * (self.accumulate if self.two_pass else 1)
        reach = "--batch-size times --accumulate" if self.two_pass else "--batch-size"
        remedy = "raise --batch-size or --accumulate, or learn depth alone with --jepa-weight 0 --sigreg-weight 0"
        if self.judges:
            require(together >= _LEAST, f"{reach} of at least {_LEAST} for SIGReg, which judges a spread", together, remedy)
            alone = "--proj-norm layer and no --proj-output-norm for batches of 1, which have no spread"
            spread = self.projector_norm == "batch" and self.proj_layers > 1
            fits = self.batch_size > 1 or not (spread or self.proj_output_norm)
            require(fits, alone, "a batch norm", "leave --proj-norm at auto and --proj-output-norm out")
            pair = "--batch-size of at least 2 for --variance-weight, which judges each batch by itself"
            require(self.batch_size > 1 or not self.variance_weight, pair, self.batch_size, "leave --variance-weight out")

    def dataset_options(self, name: str) -> dict[str, OptionValue]:
        """The reference's filter of flights, for training alone where the data have splits of their own."""
        if name != "ddos" or not self.neighborhoods:
            return {}
        split = "" if "ddos.layout=short" in self.dataset_option else "train/"
        return {"flights": ",".join(f"{split}{one.strip()}" for one in self.neighborhoods.split(",") if one.strip())}

    @property
    def judges(self) -> bool:
        """Whether embeddings are judged at all, and there is a projector."""
        weighed = max(self.jepa_weight, self.sigreg_weight, self.variance_weight, self.dense_weight) > 0
        return weighed and (not self.full_size or self.full_size_jepa)

    @property
    def surveys(self) -> bool:
        """Whether an update of several batches looks at all of them first."""
        return self.judges and self.two_pass and self.accumulate > 1

    @property
    def projector_norm(self) -> Literal["batch", "layer"]:
        """The norm of the projector's hidden layers: of what looks across pictures, accumulated batches would differ."""
        if self.proj_norm == "auto":
            return "layer" if self.surveys or self.batch_size == 1 else "batch"
        return self.proj_norm

    @property
    def backbone(self) -> str:
        """The encoder's name as ``DepthModelConfig`` wants it: ``timm:`` before names that are timm's."""
        ours = self.encoder in DINOV2_SIZES or self.encoder in BEIT_SIZES or self.encoder.startswith(_TIMM)
        return self.encoder if ours else _TIMM + self.encoder

    @property
    def crops(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Requested sizes of global and of local views, (height, width) in pixels each."""
        return self.size, (self.local_size[0], self.local_size[-1])
