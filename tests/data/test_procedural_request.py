# SPDX-License-Identifier: Apache-2.0
"""Options reach the procedural scenes; without a split the held-out ones are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Field
from leadline.data.procedural_request import open_procedural
from leadline.data.request import DatasetRequest, OptionValue


def layout(root: Path) -> DatasetRequest:  # noqa: ARG001
    return DatasetRequest(options={"count": 2, "height": 24, "width": 32})


def test_open_procedural__passes_every_option_on() -> None:
    options: dict[str, OptionValue] = {"count": 3, "seed": 7, "height": 24, "width": 32, "stereo": True, "ordinal_pairs": 2}
    options["baseline_m"] = "0.25"
    options["neighbours"] = "1,-1"
    scenes = open_procedural(DatasetRequest(split="val", options=options))
    assert len(scenes) == 3
    assert scenes.key(1).startswith("val-7-")
    assert scenes.provides == set(Field) - {Field.VIEWS}
    sample = scenes[0]
    assert sample.image.shape == (3, 24, 32)
    assert sample.stereo is not None
    assert float(sample.stereo.baseline_m) == 0.25
    assert sample.ordinal is not None
    assert sample.neighbours is not None
    assert sample.neighbours.offsets == (-1, 1)


def test_open_procedural__shows_held_out_scenes_by_default() -> None:
    assert open_procedural(DatasetRequest()).split == "test"
    assert open_procedural(DatasetRequest(split="train")).split == "train"


def test_open_procedural__refuses_unknown_splits_and_sizes() -> None:
    with pytest.raises(UsageError, match="all, test, train, val; got 'eval'"):
        open_procedural(DatasetRequest(split="eval"))
    with pytest.raises(UsageError, match="count 0"):
        open_procedural(DatasetRequest(options={"count": 0}))


def test_open_procedural__states_the_same_truth_in_metres_and_as_disparity_with_or_without_sky() -> None:
    size: dict[str, OptionValue] = {"count": 8, "height": 48, "width": 64, "kinds": "street"}
    spaces: list[dict[str, OptionValue]] = [{}, {"space": "disparity"}, {"space": "disparity", "sky": "far"}]
    metres, disparity, far = (open_procedural(DatasetRequest(options={**size, **options}))[7] for options in spaces)
    assert [sample.kind for sample in (metres, disparity, far)] == [
        DepthKind.METRIC, DepthKind.AFFINE_DISPARITY, DepthKind.AFFINE_DISPARITY,
    ]  # fmt: skip
    assert metres.depth is not None and metres.valid is not None  # noqa: PT018
    assert disparity.depth is not None and disparity.valid is not None  # noqa: PT018
    assert far.depth is not None and far.valid is not None  # noqa: PT018
    assert torch.equal(metres.valid, disparity.valid)
    assert torch.equal(1 / metres.depth[metres.valid], disparity.depth[metres.valid])
    sky = far.valid & ~metres.valid
    assert sky.any()
    assert float(far.depth[sky].abs().max()) == 0.0
    assert torch.equal(far.depth[metres.valid], disparity.depth[metres.valid])
    assert 0 < int((~far.valid).sum()) < 20  # ground beyond 80 m is neither sky nor known well enough
    assert bool(far.depth[~far.valid].isnan().all())
    with pytest.raises(UsageError, match="space=disparity for sky=far"):
        open_procedural(DatasetRequest(options={"sky": "far"}))
