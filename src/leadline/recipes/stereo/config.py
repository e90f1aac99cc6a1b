# SPDX-License-Identifier: Apache-2.0
"""Every hyper-parameter of the ``stereo`` recipe: flag, default and meaning.  Free of torch, so that ``--help`` is quick.

The defaults are those of TiO-Depth's published run (384 x 1280, crops of 256 x 832), with DINOv2 in place of Swin.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from leadline.contracts.errors import require
from leadline.models.stereo.adaptation_config import AdaptationConfig, PolicyKind, Projection
from leadline.models.stereo.config import StereoModelConfig
from leadline.models.stereo.encoder_config import (
    Align,
    BaseStride,
    PyramidConfig,
    PyramidNormalisation,
    PyramidSource,
    SizePolicy,
)
from leadline.recipes.stereo.monocular_config import MonocularConfig, sigmoid_network
from leadline.recipes.stereo.stages import StageName, StageSpec, stage_spec
from leadline.recipes.supervised.data_config import DataConfig

if TYPE_CHECKING:
    from leadline.data.request import OptionValue

_NETWORK = StereoModelConfig()


@dataclass(frozen=True, kw_only=True, slots=True)
class StereoConfig(DataConfig, MonocularConfig):
    """One network for one eye and for two, trained on rectified pairs without depth (TiO-Depth, arXiv 2309.00933)."""

    recipe: ClassVar[str] = "stereo"
    least: ClassVar[dict[str, int]] = {
        **DataConfig.least,
        **dict.fromkeys(("start_mono", "start_stereo", "start_refine", "freeze_backbone_from", "check_pairs"), 0),
        **{"lora_rank": 1, "levels": 2},
    }
    root_flags: ClassVar[dict[str, str]] = {
        "kitti_stereo": "kitti_root",
        "stereo_folder": "pairs_root",
        "frame_folder": "frames_root",
    }

    datasets: tuple[str, ...] = ("kitti_stereo",)
    """Rectified pairs to train on (leadline list datasets); validated on are their held-out pairs."""
    kitti_root: Path | None = None
    """Folder of KITTI's raw drives."""
    pairs_root: Path | None = None
    """Folder of your own rectified pairs with its calibration."""

    encoder: str = "dinov2b"
    """dinov2s, dinov2b, dinov2l, dinov2g, swin_t, resnet18, resnet34 or resnet50."""
    pyramid_source: PyramidSource = "reassemble"
    """Which maps of DPT the decoder sees: reassembled (as wide as Swin-T's, for dinov2b), rn or fused; DINOv2 only."""
    base_stride: BaseStride = 4
    """Input pixels per pixel of the finest map, 4 (1/4 to 1/32) or 2 (1/2 to 1/16)."""
    align: Align = "exact"
    """exact maps, or the native ones of a patch of 14."""
    size_policy: SizePolicy = "resize"
    """What happens to sides that the patch does not divide."""
    normalisation: PyramidNormalisation = "imagenet"
    """What the encoder sees: ImageNet statistics, as it was trained, or TiO-Depth's 0.45 and 0.225 for every encoder."""
    decoder_channels: tuple[int, ...] = _NETWORK.decoder_channels
    """Widths of the decoder, fine to coarse."""
    levels: int = _NETWORK.levels
    """Disparity levels."""
    least_disparity: float = _NETWORK.least_disparity_px
    """First level in pixels of the network's input."""
    greatest_disparity: float = _NETWORK.greatest_disparity_px
    """Last level in pixels of the network's input."""

    pretrained_checkpoint: str = ""
    """First weights: Depth Anything V2, DINOv2, Swin, TiO-Depth or ours; what does not fit is reported."""
    init: Literal["all", "encoder"] = "all"
    """Of a stereo network, take the decoder too, or leave it random."""
    pretrained_strict: bool = False
    """Refuse weights of which anything is missing, left over or of another shape."""
    pretrained_least_share: float = 0.5
    """Refuse weights that fill less than this share of the backbone."""
    backbone: PolicyKind = "full"
    """Train the trunk of the encoder whole, by low-rank additions to its attention (DINOv2 only), or not at all."""
    neck: Literal["full", "frozen"] = "full"
    """Train DPT's reassembly between trunk and decoder, or not; DINOv2 only."""
    layer_decay: float = 1.0
    """Each block of a DINOv2 trunk learns so many times as fast as the next deeper one; 1 for all alike."""
    lora_rank: int = 4
    """Rank of the additions."""
    lora_alpha: float = 4.0
    """They are multiplied by this over the rank."""
    lora_targets: tuple[Projection, ...] = ("q", "v")
    """Which projections of the attention get them."""
    freeze_backbone_from: int = 0
    """Epoch, counted from 1, from which the trunk rests (the DINOv2-TiO reference: where stage stereo begins); 0 never."""

    full_size: tuple[int, ...] = (384, 1280)
    """Height and width of whole pictures, aspect not kept; also what is validated and predicted at."""
    target_size: tuple[int, ...] = (256, 832)
    """Height and width of the crops that are trained on."""
    scale_range: tuple[float, float] = (0.75, 1.5)
    """Least and greatest random multiple of --full-size before the crop."""
    colours: Literal["tio", "monodepth2"] = "tio"
    """Gamma, brightness and channels as TiO-Depth changes them, or monodepth2's jitter; where --colour-jitter is on."""
    pair_baseline: float = 0.2
    """Metres between the cameras of procedural pairs; one eye can learn one distance only."""
    check_pairs: int = 8
    """So many training pairs are looked at first, for swapped views, a wrong baseline and bad rectification; 0 for none."""

    start_mono: int = 1
    """Epoch, from 1, with which stage mono begins: depth of one view by making the other from it; 0 leaves it out."""
    start_stereo: int = 21
    """Epoch with which stage stereo begins: depth by matching, guided by mono; 0 leaves it out."""
    start_refine: int = 31
    """Epoch with which stage refine begins: a second path of one view learns from both; 0 leaves it out."""
    train_mono: tuple[str, ...] = ("backbone", "neck", "decoder")
    """PART=FACTOR of the learning rate; parts: backbone neck decoder matching refined."""
    train_stereo: tuple[str, ...] = ("matching", "decoder=0.1")
    """Likewise for stage stereo."""
    train_refine: tuple[str, ...] = ("refined", "decoder=0.1")
    """Likewise for stage refine."""
    loss_mono: tuple[str, ...] = ("photometric=1", "perceptual=0.01", "smooth=0.0008")
    """NAME=WEIGHT of the losses."""
    loss_stereo: tuple[str, ...] = ("photometric=1", "smooth=0.008", "cost=0.01", "gradient=0.01", "out-of-view=0.01")
    """Likewise for stage stereo."""
    loss_refine: tuple[str, ...] = ("distillation=1",)
    """Likewise for stage refine."""
    milestones_mono: tuple[int, ...] = (20, 30, 40, 45)
    """Epochs of the run, counted from 1, after which stage mono learns --lr-gamma times as fast."""
    milestones_stereo: tuple[int, ...] = (30, 40, 45)
    """Likewise for stage stereo."""
    milestones_refine: tuple[int, ...] = (40, 45)
    """Likewise for stage refine."""
    refine_from: Literal["random", "raw"] = "random"
    """Where the refined path begins with its stage: at random numbers as TiO-Depth, or where the raw path then is."""
    mask_mean: Literal["all", "valid"] = "all"
    """What masked losses are divided by: all pixels, as TiO-Depth, or those that count."""
    perceptual_weights: Path | None = None
    """VGG-19 weights of torchvision for the perceptual loss; without them it is off, which is said."""

    batch_size: int = 8
    lr_gamma: float = 0.5
    """Factor of each milestone."""
    beta1: float = 0.5
    weight_decay: float = 0.0
    max_grad_norm: float = 0.0
    max_depth: float = 80.0
    select_by: Literal["loss", "abs_rel", "delta1", "epe"] = "loss"  # type: ignore[assignment]
    """What decides which checkpoint is best: how well held-out pairs are remade, or a number that needs their depth."""
    dry_run: bool = False
    """Print the resolved configuration, what each stage trains and the learning rates of all epochs; train nothing."""

    def __post_init__(self) -> None:
        DataConfig.__post_init__(self)
        for flag, value in (("--full-size", self.full_size), ("--target-size", self.target_size)):
            require(len(value) == 2, f"{flag} HEIGHT WIDTH", value, f"e.g. {flag} 256 832")
        low, high = self.scale_range
        require(0 < low <= high, "--scale-range with two rising factors above 0", self.scale_range, "e.g. 0.75 1.5")
        smallest = tuple(round(side * low) for side in self.full_size)
        fits = all(crop <= side for crop, side in zip(self.target_size, smallest, strict=True))
        require(fits, f"--target-size of at most {smallest}, the smallest full size", self.target_size, "shrink the crop")
        require(
            self.rotate_deg == 0, "no --rotate-deg: a turned pair is no longer rectified", self.rotate_deg, "leave it out"
        )
        require(self.cache_features == "off", "no --cache-features with pairs", self.cache_features, "leave it out")
        require(
            0 <= self.pretrained_least_share <= 1,
            "--pretrained-least-share in [0, 1]",
            self.pretrained_least_share,
            "e.g. 0.5",
        )
        require(self.pair_baseline > 0, "--pair-baseline above 0 m", self.pair_baseline, "e.g. 0.2")
        require(self.resize == "cover", "no --resize: --full-size says how pairs are resized", self.resize, "leave it out")
        self.check_monocular()
        alone = self.layer_decay == 1 or self.encoder.startswith("dinov2")
        fits = 0 < self.layer_decay <= 1 and alone
        require(fits, "--layer-decay above 0 up to 1, below 1 for DINOv2 only", self.layer_decay, "e.g. 0.9")
        self.network()
        self.policies()
        self.stages()

    def stages(self) -> tuple[StageSpec, ...]:
        """The stages in their order, without those that are left out.

        Raises:
            UsageError: none is left, the first of them does not begin with epoch 1, or one is not what it should be.
        """
        starts: dict[StageName, int] = {"mono": self.start_mono, "stereo": self.start_stereo, "refine": self.start_refine}
        found = tuple(
            stage_spec(
                name,
                start_epoch=start,
                trains=getattr(self, f"train_{name}"),
                losses=getattr(self, f"loss_{name}"),
                milestones=getattr(self, f"milestones_{name}"),
            )
            for name, start in starts.items()
            if start
        )
        require(
            any(one.start_epoch == 1 for one in found), "a stage that starts with epoch 1", starts, "e.g. --start-mono 1"
        )
        return found

    def network(self) -> StereoModelConfig:
        """The network that is built; its rig is known when the data are."""
        pyramid = PyramidConfig(
            encoder=self.encoder,
            pyramid_source=self.pyramid_source,
            base_stride=self.base_stride,
            align=self.align,
            size_policy=self.size_policy,
            normalisation=self.normalisation,
        )
        if self.method == "monodepth2":
            return sigmoid_network(pyramid, (self.full_size[0], self.full_size[1]))
        return StereoModelConfig(
            pyramid=pyramid,
            decoder_channels=self.decoder_channels,
            levels=self.levels,
            least_disparity_px=self.least_disparity,
            greatest_disparity_px=self.greatest_disparity,
            matching=self.start_stereo > 0,
            refined=self.start_refine > 0,
            monocular="refined" if self.start_refine > 0 else "raw",
            input_size=(self.full_size[0], self.full_size[1]),
        )

    def policies(self) -> dict[Literal["backbone", "neck"], AdaptationConfig]:
        """What may move in the two parts of the encoder."""
        low_rank = AdaptationConfig(
            kind=self.backbone, rank=self.lora_rank, alpha=self.lora_alpha, targets=self.lora_targets
        )
        return {"backbone": low_rank, "neck": AdaptationConfig(kind=self.neck)}

    def dataset_options(self, name: str) -> dict[str, OptionValue]:
        """Procedural scenes come as pairs, and with frames where these are learned from."""
        rig: dict[str, OptionValue] = {"stereo": True, "baseline_m": self.pair_baseline} if name == "procedural" else {}
        return rig | self.frame_options(name) if self.method == "monodepth2" else rig
