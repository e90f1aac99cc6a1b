# SPDX-License-Identifier: Apache-2.0
"""The whole network, DINOv2 and DPT with real weights and the stored ZoeDepth head, against the released code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from leadline.models.config import DepthModelConfig, v1_taps
from leadline.models.depth_model import DepthModel
from leadline.models.presets import PRESETS
from leadline.models.weight_writers import write_weights
from leadline.models.weights import load_model
from tests.models.heads import zoe_fixture
from tests.models.official import small_weights
from tests.reference_photo import photo

# case: head, picture (height, width, seed), its sha256, network size
CASES = {
    "v2.softplus.mean.480x640": ("softplus.mean.inv.T0.0212", (480, 640, 301), "84b3e32efbf6644c", (392, 518)),
    "v1.softplus.mean.480x640": ("softplus.mean.inv.T0.0212", (480, 640, 301), "84b3e32efbf6644c", (392, 518)),
    "v2.normed.mean.352x512": ("normed.mean.inv.T0.0212", (352, 512, 302), "dd699f8f02753f72", (378, 770)),
}
pytestmark = pytest.mark.slow


def config(case: str) -> DepthModelConfig:
    taps = v1_taps("vits") if case.startswith("v1") else None
    return DepthModelConfig(encoder="vits", taps=taps, head=zoe_fixture.config(CASES[case][0]))


def build(case: str) -> DepthModel:
    model = DepthModel(config(case)).eval()
    head = zoe_fixture.weights(zoe_fixture.stored("zoe_head"), bounded="normed" in case)
    model.load_state_dict(small_weights() | {f"head.{name}": value for name, value in head.items()})
    return model


def picture(case: str) -> Tensor:
    _, (height, width, seed), digest, _ = CASES[case]
    image = np.ascontiguousarray((photo(height, width, seed) / 255).astype(np.float32).transpose(2, 0, 1)[None])
    assert hashlib.sha256(image.tobytes()).hexdigest()[:16] == digest
    return torch.from_numpy(image)


def prepared(image: Tensor, size: tuple[int, int], model: DepthModel) -> Tensor:
    return model.normalisation.apply(F.interpolate(image, size, mode="bilinear", align_corners=True))


def inferred(model: DepthModel, image: Tensor, size: tuple[int, int]) -> Tensor:
    depth = model(prepared(image, size, model))[:, None]
    return F.interpolate(depth, image.shape[-2:], mode="bicubic", align_corners=False)


def padded_and_flipped(model: DepthModel, image: Tensor, size: tuple[int, int]) -> Tensor:
    """Reflect padding of 3 sqrt(side / 2), and the mean of the picture's and its mirror's depth."""
    rows, columns = (int(3 * np.sqrt(side / 2)) for side in image.shape[-2:])
    wide = F.pad(image, (columns, columns, rows, rows), mode="reflect")
    both = [inferred(model, wide, size), inferred(model, wide.flip(-1), size).flip(-1)]
    return torch.stack(both).mean(dim=0)[..., rows:-rows, columns:-columns]


def close_as_the_readme_says(got: Tensor, wanted: Tensor) -> None:
    error = (got - wanted).abs()
    assert error.mean() < 1e-4
    assert (error < 5e-3).float().mean() >= 0.999
    assert error.max() < 0.05


@pytest.fixture(scope="module", autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("case", CASES)
def test_network__agrees_with_the_released_zoedepth_on_depth_anything(case: str) -> None:
    arrays, model, image, size = zoe_fixture.stored("zoe_end_to_end"), build(case), picture(case), CASES[case][3]
    network_input = prepared(image, size, model)
    torch.testing.assert_close(network_input[..., ::14, ::14], arrays[f"{case}.prep_s14"], atol=1e-5, rtol=0)
    said = model.predict_full(network_input)
    assert said.bin_centers_m is not None
    assert said.bin_probabilities is not None
    close_as_the_readme_says(said.depth[:, None, ::7, ::7], arrays[f"{case}.metric_depth_s7"])
    close_as_the_readme_says(said.bin_centers_m[..., ::56, ::56], arrays[f"{case}.centers_s56"])
    close_as_the_readme_says(said.bin_probabilities[..., ::56, ::56], arrays[f"{case}.probs_s56"])
    close_as_the_readme_says(inferred(model, image, size)[..., ::8, ::8], arrays[f"{case}.infer_plain_s8"])
    close_as_the_readme_says(padded_and_flipped(model, image, size)[..., ::8, ::8], arrays[f"{case}.infer_pad_flip_s8"])


def test_load_model__an_official_file_of_zoedepth_on_depth_anything_gives_the_released_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, path = "v1.softplus.mean.480x640", tmp_path / "depth_anything_metric_depth_indoor.pt"
    write_weights(build(case), path, layout="official")
    assert any(name.startswith("core.core.depth_head.") for name in torch.load(path, weights_only=True))
    preset = PRESETS["zoedepth-depth-anything-indoor"]
    monkeypatch.setitem(
        PRESETS, preset.name, replace(preset, config=replace(preset.config, encoder="vits", taps=v1_taps("vits")))
    )
    model, arrays = load_model(path), zoe_fixture.stored("zoe_end_to_end")
    depth_m = model(prepared(picture(case), CASES[case][3], model))
    close_as_the_readme_says(depth_m[:, None, ::7, ::7], arrays[f"{case}.metric_depth_s7"])
