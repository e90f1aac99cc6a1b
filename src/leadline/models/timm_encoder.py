# SPDX-License-Identifier: Apache-2.0
"""Any timm backbone by name as an encoder: normalised images enter, maps at the backbone's own strides leave.

Patch size, strides, widths, prefix tokens, mean and standard deviation are read from the backbone, never guessed.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import timm
import torch
from torch import Tensor, nn

from leadline.contracts.errors import UsageError
from leadline.contracts.suggestions import nearest
from leadline.models.features import EncoderLayout, Features
from leadline.models.head_config import LEVELS
from leadline.models.normalisation import Normalisation


class TimmStages(nn.Module):
    """A backbone with stages (ResNet, ConvNeXt, Swin ...), read after its last few.

    Args:
        name: timm model name.
        options: further arguments of ``timm.create_model``.
    """

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        super().__init__()
        self.backbone = timm.create_model(name, features_only=True, **options)
        strides = tuple(self.backbone.feature_info.reduction())
        self.layout = EncoderLayout(
            channels=tuple(self.backbone.feature_info.channels()),
            strides=strides,
            prefix_tokens=0,
            size_multiple=max(strides),
            normalisation=_normalisation(self.backbone),
        )
        self._channels_last = str(getattr(self.backbone, "output_fmt", "NCHW")).endswith("NHWC")

    def forward(self, image_B3HW: Tensor) -> Features:
        """Normalised (B,3,H,W), sides multiples of every stride s -> maps (B,C,H/s,W/s), fine to coarse, no unit."""
        maps = self.backbone(image_B3HW)
        if self._channels_last:
            maps = [one.permute(0, 3, 1, 2) for one in maps]
        return Features(maps=tuple(maps), strides=self.layout.strides, prefix=())

    def recompute_gradients(self) -> None:
        """From now on, training keeps the stages' inputs only; a ``UsageError`` where timm does not know how."""
        _recompute(self.backbone)


class TimmTransformer(nn.Module):
    """A plain vision transformer, read after some of its blocks, each reading passed through its final norm.

    Args:
        name: timm model name.
        taps: rising 0-based block numbers, or how many evenly spread ones, the last block among them.
        options: further arguments of ``timm.create_model``.
    """

    def __init__(self, name: str, taps: tuple[int, ...] | int, options: dict[str, Any]) -> None:
        super().__init__()
        self.backbone = timm.create_model(name, num_classes=0, **options)
        blocks = self.backbone.feature_info
        if isinstance(taps, int):
            taps = tuple(len(blocks) * (level + 1) // taps - 1 for level in range(taps))
        self.taps = taps
        if self.taps[-1] >= len(blocks):
            raise _refusal(f"taps below {len(blocks)} for timm model {name!r}", str(self.taps))
        chosen = [blocks[tap] for tap in self.taps]
        self.layout = EncoderLayout(
            channels=tuple(block["num_chs"] for block in chosen),
            strides=tuple(block["reduction"] for block in chosen),
            prefix_tokens=_prefix_tokens(self.backbone),
            class_token=_prefix_tokens(self.backbone) > 0 and getattr(self.backbone, "cls_token", None) is not None,
            size_multiple=max(block["reduction"] for block in chosen),
            normalisation=_normalisation(self.backbone),
        )

    def forward(self, image_B3HW: Tensor) -> Features:
        """Normalised (B,3,H,W), sides multiples of the patch -> maps (B,C,h,w) and their prefix tokens (B,P,C), no unit."""
        has_prefix = self.layout.prefix_tokens > 0
        options = {"return_prefix_tokens": True} if has_prefix else {}
        readings = self.backbone.forward_intermediates(
            image_B3HW, indices=list(self.taps), norm=True, intermediates_only=True, **options
        )
        maps, prefix = zip(*readings, strict=True) if has_prefix else (readings, ())
        return Features(maps=tuple(maps), strides=self.layout.strides, prefix=tuple(prefix))

    def recompute_gradients(self) -> None:
        """From now on, training keeps the blocks' inputs only; a ``UsageError`` where timm does not know how."""
        _recompute(self.backbone)


def build_timm_encoder(
    name: str,
    taps: tuple[int, ...] | None = None,
    *,
    levels: int = LEVELS,
    drop_path: float = 0.0,
    pretrained: bool = False,
) -> TimmStages | TimmTransformer:
    """Build a backbone that takes images of any size.

    Args:
        name: timm's.
        taps: 0-based blocks of a plain transformer to read.
        levels: how many maps to hand out where there are no taps: of as many blocks, evenly spread, or of the last stages.
        drop_path: see ``DepthModelConfig``.
        pretrained: fetch timm's weights from the network.

    Parameters on which no map depends (a pooling norm, blocks after the last tap) are frozen, or distributed training would
    wait for their gradients.

    Raises:
        UsageError: the name is unknown, or the backbone cannot serve (fewer maps, one fixed input size, no drop path).
    """
    options: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
    with torch.device("meta"):
        rehearsal = _assemble(name, taps, levels, options)
    idle = _idle_parameters(name, rehearsal)
    encoder = _assemble(name, taps, levels, options | {"pretrained": pretrained})
    for parameter_name, parameter in encoder.named_parameters():
        parameter.requires_grad_(parameter_name not in idle)
    return encoder


def _assemble(name: str, taps: tuple[int, ...] | None, levels: int, options: dict[str, Any]) -> TimmStages | TimmTransformer:
    probe = _probe(name, {name: value for name, value in options.items() if name != "pretrained"})
    info: Any = probe.feature_info
    flags = {flag for module in probe.modules() for flag in vars(module)}
    if len(set(info.reduction())) == 1:
        any_size = {"dynamic_img_size": True} if "dynamic_img_size" in flags else {}
        return TimmTransformer(name, taps or levels, options | any_size)
    if taps is not None or len(info.out_indices) < levels:
        raise _refusal(f"a backbone with {levels} stages and no taps", f"timm model {name!r}, taps {taps}")
    any_size = {"strict_img_size": False} if "strict_img_size" in flags else {}
    return TimmStages(name, options | any_size | {"out_indices": tuple(info.out_indices)[-levels:]})


def _probe(name: str, options: dict[str, Any]) -> nn.Module:
    """The backbone without its numbers: enough to read strides and to see which options it knows."""
    if not timm.is_model(name):
        match = nearest(name, timm.list_models())
        raise _refusal("the name of a timm model", f"{name!r}" + (f" (nearest: {match})" if match else ""))
    try:
        with torch.device("meta"):
            return timm.create_model(name, features_only=True, **options)  # type: ignore[no-any-return]
    except (RuntimeError, AttributeError, TypeError, NotImplementedError) as error:
        raise _refusal("a timm model that gives feature maps", f"{name!r}: {error}") from error


def _idle_parameters(name: str, rehearsal: TimmStages | TimmTransformer) -> set[str]:
    """Names of the parameters no map depends on, from one pass without numbers at an unusual size."""
    multiple = rehearsal.layout.size_multiple
    try:
        maps = rehearsal(torch.zeros(2, 3, 5 * multiple, 6 * multiple, device="meta")).maps
    except (RuntimeError, AssertionError) as error:
        raise _refusal("a backbone that takes any input size", f"timm model {name!r}: {error}") from error
    parameters = dict(rehearsal.named_parameters())
    gradients = torch.autograd.grad([one.sum() for one in maps], list(parameters.values()), allow_unused=True)
    return {parameter for parameter, gradient in zip(parameters, gradients, strict=True) if gradient is None}


def _recompute(backbone: Any) -> None:
    try:
        backbone.set_grad_checkpointing()
    except (AttributeError, AssertionError, NotImplementedError) as error:
        raise _refusal("a timm model that can recompute its blocks", str(backbone.pretrained_cfg["architecture"])) from error


def _prefix_tokens(backbone: Any) -> int:
    """Class and register tokens the backbone can hand out."""
    hands_out = "return_prefix_tokens" in signature(backbone.forward_intermediates).parameters
    return int(getattr(backbone, "num_prefix_tokens", 0)) if hands_out else 0


def _normalisation(backbone: nn.Module) -> Normalisation:
    cfg: Any = backbone.pretrained_cfg
    return Normalisation(mean=tuple(cfg["mean"]), std=tuple(cfg["std"]))


def _refusal(expected: str, got: str) -> UsageError:
    return UsageError(expected=expected, got=got, remedy="choose another encoder, e.g. vits or timm:resnet18")
