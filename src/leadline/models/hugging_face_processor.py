# SPDX-License-Identifier: Apache-2.0
"""A configuration and the ``preprocessor_config.json`` beside it enter; the configuration with its size leaves.

The file says how pictures are made ready.  An encoder implies most of that here, so the file can only agree or be refused:
depth of pictures that were normalised otherwise would be wrong without a sign.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from leadline.contracts.errors import WeightsError
from leadline.contracts.paths import is_file
from leadline.models.beit import MIDAS
from leadline.models.config import DepthModelConfig
from leadline.models.normalisation import IMAGENET

PROCESSOR = "preprocessor_config.json"
_ALIKE = 1e-3  # means and deviations that people round differently


def with_processor(config: DepthModelConfig, folder: Path) -> DepthModelConfig:
    """``config`` with the shorter side, in pixels, that the folder's file asks for; unchanged where there is no file.

    Raises:
        WeightsError: the file is damaged, or asks for pictures other than the encoder was trained on.
    """
    path = folder / PROCESSOR
    if not is_file(path):
        return config
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        _check(config, values, path)
        side_px = _shorter_side(values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        got = f"{path}: {type(error).__name__} ({error})"
        raise WeightsError(expected=f"the {PROCESSOR} of a depth model", got=got, remedy="fetch the file again") from error
    return config if side_px is None else replace(config, input_size=side_px)


def _check(config: DepthModelConfig, values: Mapping[str, Any], path: Path) -> None:
    """Pixels must come to the network as its encoder implies; what the file leaves out is taken to agree."""
    implied = MIDAS if config.beit is not None else IMAGENET
    wanted = {
        "image_mean": implied.mean,
        "image_std": implied.std,
        "rescale_factor": (1 / 255,),
        "do_rescale": (True,),
        "do_normalize": (True,),
    }
    for name, numbers in wanted.items():
        said = values.get(name)
        if said is None:
            continue
        given = tuple(said) if isinstance(said, list | tuple) else (said,) * len(numbers)
        tolerance = _ALIKE * max(numbers)
        if len(given) != len(numbers) or not all(
            math.isclose(one, other, rel_tol=0, abs_tol=tolerance) for one, other in zip(given, numbers, strict=True)
        ):
            shown = list(numbers) if len(numbers) > 1 else numbers[0]
            raise WeightsError(
                expected=f"{name} {shown}, as encoder {config.encoder} was trained with",
                got=f"{path}: {name} {said}",
                remedy=f"its depth would be wrong; if you know that {PROCESSOR} is, remove it",
            )


def _shorter_side(values: Mapping[str, Any]) -> int | None:
    """Pixels; None where pictures keep their size or the file does not say."""
    size = values.get("size")
    if size is None or values.get("do_resize") is False:
        return None
    if isinstance(size, Mapping):
        sides = [size[name] for name in ("height", "width", "shortest_edge") if size.get(name) is not None]
    else:
        sides = [size]
    for side in sides:
        if isinstance(side, bool) or not isinstance(side, int) or side < 1:
            raise ValueError(f"size {size}")
    return min(sides, default=None)
