# SPDX-License-Identifier: Apache-2.0
"""The ``config.json`` of a Hugging Face DepthAnything or ZoeDepth folder enters, what to build leaves.

What such a file leaves out has the default of ``transformers`` (``configuration_*.py`` of these two, DINOv2 and BEiT).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leadline.contracts.errors import UsageError, WeightsError
from leadline.models.config import DepthModelConfig, PositionRule
from leadline.models.encoder_sizes import BEIT_SIZES, DINOV2_SIZES, BeitSize, DinoSize
from leadline.models.head_config import (
    RELEASED_MIN_TEMP,
    HeadConfig,
    MetricBinsHeadConfig,
    RelativeHeadConfig,
    RoutedBinsHeadConfig,
    SigmoidHeadConfig,
)

CONFIG = "config.json"
POSITION_RULE = "leadline_position_rule"  # our own entry; other readers pass it by
_DINOV2_DEFAULTS = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "patch_size": 14}
_BEIT_DEFAULTS = _DINOV2_DEFAULTS | {"patch_size": 16, "image_size": 224}
_BEIT_OF_ZOE = {"model_type": "beit", "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
_BEIT_OF_ZOE |= {"image_size": 384, "out_indices": [6, 12, 18, 24], "use_relative_position_bias": True}
# Ours is built one way; what a file says otherwise would be another network.
_FIXED: dict[str, Any] = {
    "head_hidden_size": 32,
    "num_relative_features": 32,
    "head_in_index": -1,
    "reassemble_factors": [4, 2, 1, 0.5],
    "add_projection": False,
    "use_batch_norm_in_fusion_residual": False,
}
_FIXED_BACKBONE: dict[str, Any] = {
    "hidden_act": "gelu",
    "mlp_ratio": 4,
    "qkv_bias": True,
    "apply_layernorm": True,
    "use_absolute_position_embeddings": False,
    "use_shared_relative_position_bias": False,
    "use_relative_position_bias": True,
}


def is_hugging_face_folder(folder: Path) -> bool:
    """True where ``config.json`` is there and names a depth model of ``transformers``."""
    try:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and str(values.get("model_type")) in _READERS


def read_hugging_face_config(path: Path) -> DepthModelConfig:
    """What the ``config.json`` at ``path`` describes.

    Position embeddings follow the official rule, with which the published weights were trained, unless we wrote the file and
    it says otherwise.

    Raises:
        WeightsError: the file is damaged, or describes a network that is not built here.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return hugging_face_config(values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        got = f"{path}: {type(error).__name__} ({error})"
        raise WeightsError(expected=f"the {CONFIG} of a depth model", got=got, remedy="fetch the file again") from error
    except UsageError as error:
        raise WeightsError(expected=error.expected, got=f"{path}: {error.got}", remedy="fetch the file again") from error


def hugging_face_config(values: Mapping[str, Any]) -> DepthModelConfig:
    """What to build for the values of a ``config.json``.

    Raises:
        WeightsError: they describe a network that is not built here.
        KeyError, TypeError, ValueError, UsageError: they are not what ``transformers`` writes.
    """
    reader = _READERS.get(values["model_type"])
    if reader is None:
        raise _other("model_type", values["model_type"], " or ".join(_READERS))
    for name, wanted in _FIXED.items():
        if list_like(values.get(name, wanted)) != wanted:
            raise _other(name, values[name], wanted)
    backbone = values.get("backbone_config") or (_BEIT_OF_ZOE if values["model_type"] == "zoedepth" else {})
    encoder, own = _encoder(backbone, _readout(values))
    taps = _taps(backbone)
    features, channels = values.get("fusion_hidden_size"), tuple(values.get("neck_hidden_sizes") or ()) or None
    rule: PositionRule = "size" if values.get(POSITION_RULE) == "size" else "official"
    return DepthModelConfig(
        encoder=encoder,
        taps=None if taps == own.taps else taps,
        decoder_features=None if features == own.features else features,
        decoder_channels=None if channels == own.channels else channels,
        head=reader(values),
        position_rule=rule,
        interpolation="bilinear" if isinstance(own, BeitSize) else "cubic",
    )


def list_like(value: Any) -> Any:
    """JSON has lists where Python has tuples."""
    return list(value) if isinstance(value, tuple) else value


def _readout(values: Mapping[str, Any]) -> str:
    return str(values.get("readout_type", "project")) if values["model_type"] == "zoedepth" else "ignore"


def _encoder(backbone: Mapping[str, Any], readout: str) -> tuple[str, DinoSize | BeitSize]:
    is_beit = backbone.get("model_type", "dinov2") == "beit"
    if not is_beit and backbone.get("model_type", "dinov2") != "dinov2":
        raise _other("backbone", backbone["model_type"], "dinov2 or beit")
    if readout != ("project" if is_beit else "ignore"):
        raise _other("readout_type", readout, "project with BEiT, ignore with DINOv2")
    for name, wanted in _FIXED_BACKBONE.items():
        if backbone.get(name, wanted) != wanted:
            raise _other(name, backbone[name], wanted)
    known: Mapping[str, DinoSize | BeitSize] = BEIT_SIZES if is_beit else DINOV2_SIZES
    said = (_BEIT_DEFAULTS if is_beit else _DINOV2_DEFAULTS) | dict(backbone)
    for name, size in known.items():
        if all(said[key] == value for key, value in backbone_values(size).items() if key in said):
            return name, size
    widths = ", ".join(f"{key} {said[key]}" for key in ("hidden_size", "num_hidden_layers", "num_attention_heads"))
    raise _other("backbone", widths, ", ".join(known))


def backbone_values(size: DinoSize | BeitSize) -> dict[str, Any]:
    """What ``transformers`` says of a backbone of this size."""
    values: dict[str, Any] = {
        "hidden_size": size.dim,
        "num_hidden_layers": size.depth,
        "num_attention_heads": size.heads,
    }
    if isinstance(size, BeitSize):
        return values | {"patch_size": 16, "image_size": 16 * size.native_grid, "intermediate_size": 4 * size.dim}
    return values | {"patch_size": 14, "image_size": 518, "use_swiglu_ffn": size.feed_forward == "swiglu"}


def _taps(backbone: Mapping[str, Any]) -> tuple[int, ...] | None:
    """0-based blocks; ``transformers`` counts the embedding as stage 0."""
    indices = backbone.get("out_indices")
    if indices is None and backbone.get("out_features"):
        indices = [int(str(name).removeprefix("stage")) for name in backbone["out_features"]]
    return None if indices is None else tuple(int(index) - 1 for index in indices)


def _depth_anything_head(values: Mapping[str, Any]) -> HeadConfig:
    if values.get("depth_estimation_type", "relative") == "relative":
        return RelativeHeadConfig()
    return SigmoidHeadConfig(max_depth_m=float(values.get("max_depth") or 1))


def _zoe_head(values: Mapping[str, Any]) -> HeadConfig:
    bins = values.get("bin_configurations") or [{"n_bins": 64, "min_depth": 1e-3, "max_depth": 10.0}]
    options: dict[str, Any] = {
        "n_bins": bins[0]["n_bins"],
        "bin_centers_type": values.get("bin_centers_type", "softplus"),
        "bin_embedding_dim": values.get("bin_embedding_dim", 128),
        "attractor_kind": values.get("attractor_kind", "mean"),
        "min_temp": values.get("min_temp", RELEASED_MIN_TEMP),
        "max_temp": values.get("max_temp", 50.0),
        "compat": True,  # transformers computes what the released code does
    }
    counts = tuple(values.get("num_attractors") or (16, 8, 4, 1))
    if len(bins) == 1:
        near_m, far_m = float(bins[0]["min_depth"]), float(bins[0]["max_depth"])
        return MetricBinsHeadConfig(min_depth_m=near_m, max_depth_m=far_m, n_attractors=counts, **options)
    if any(one["n_bins"] != bins[0]["n_bins"] for one in bins):
        raise _other("n_bins", [one["n_bins"] for one in bins], "the same for all domains")
    return RoutedBinsHeadConfig(
        domains=tuple(one["name"] for one in bins),
        min_depths_m=tuple(float(one["min_depth"]) for one in bins),
        max_depths_m=tuple(float(one["max_depth"]) for one in bins),
        n_attractors=(16,) * len(counts),  # its list sets the number of levels only
        **options,
    )


_READERS = {"depth_anything": _depth_anything_head, "zoedepth": _zoe_head}


def _other(name: str, got: object, wanted: object) -> WeightsError:
    return WeightsError(
        expected=f"a Hugging Face depth model with {name} {wanted}",
        got=f"{name} {got}",
        remedy="only DepthAnything on DINOv2 and ZoeDepth on BEiT or DINOv2 of the published shapes are read",
    )
