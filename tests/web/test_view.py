# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import html
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.contracts.depth_map import DepthKind
from leadline.web.known_points import KnownPoint
from leadline.web.limits import Limits
from leadline.web.shown_depth import predict_upload
from leadline.web.view import SHOWN_SIDE_PX, packed_numbers, view_html
from tests.web.pictures import HOLE, ramp, shown, upload


def image_of(view: str, name: str) -> np.typing.NDArray[np.uint8]:
    found = re.search(rf'<img class="{name}"[^>]*src="data:image/\w+;base64,([^"]+)"', view)
    assert found is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGB"))


def facts_of(view: str) -> dict[str, object]:
    found = re.search(r'data-facts="([^"]+)"', view)
    assert found is not None
    return dict(json.loads(html.unescape(found[1])))


def test_view_html__the_browser_reads_the_numbers_back(tmp_path: Path) -> None:
    one = shown(tmp_path)
    view = view_html(one)
    facts, packed = facts_of(view), image_of(view, "numbers").astype(np.float64)
    values = float(str(facts["low"])) + (256 * packed[..., 0] + packed[..., 1]) * float(str(facts["step"]))
    valid = packed[..., 2] > 128
    assert (facts["width"], facts["height"], facts["unit"]) == (60, 40, "m")
    assert np.array_equal(valid, one.depth.valid)
    assert np.abs(values - one.depth.values)[valid].max() < 1e-4


def test_view_html__shows_picture_and_colours_of_one_size(tmp_path: Path) -> None:
    view = view_html(shown(tmp_path))
    depth = image_of(view, "depth")
    assert depth.shape == image_of(view, "photo").shape == (40, 60, 3)
    assert depth[HOLE].tolist() == [128, 128, 128]
    assert int(depth[20, 0].sum()) > int(depth[20, 59].sum())  # near is bright


def test_view_html__near_is_bright_for_disparity_too(tmp_path: Path) -> None:
    view = view_html(shown(tmp_path, DepthKind.AFFINE_DISPARITY))
    depth = image_of(view, "depth")
    assert int(depth[20, 0].sum()) < int(depth[20, 59].sum())
    assert "<span>far</span><b>inverse depth up to scale and offset (no unit)</b><span>near</span>" in view
    assert facts_of(view)["unit"] is None


def test_view_html__the_legend_has_the_unit_at_every_number(tmp_path: Path) -> None:
    ticks = re.findall(r'<span style="left:([\d.]+)%">([^<]+)</span>', view_html(shown(tmp_path)))
    assert len(ticks) >= 3
    assert all(label.endswith(" m") for _, label in ticks)
    assert all(0 <= float(left) <= 100 for left, _ in ticks)


def test_view_html__marks_points_in_their_pixels_middle(tmp_path: Path) -> None:
    view = view_html(shown(tmp_path), [KnownPoint(x_px=29, y_px=9, depth_m=2.0)])
    assert 'class="mark" style="left:49.167%;top:23.750%">1</span>' in view


def test_view_html__sends_no_more_than_a_screen_can_show(tmp_path: Path) -> None:
    one = predict_upload(ramp(), upload(tmp_path, 30, 2 * SHOWN_SIDE_PX), tile="off", limits=Limits())
    view = view_html(one)
    assert image_of(view, "numbers").shape == image_of(view, "photo").shape == (15, SHOWN_SIDE_PX, 3)
    assert facts_of(view)["width"] == 2 * SHOWN_SIDE_PX


def test_view_html__fetches_nothing(tmp_path: Path) -> None:
    assert not re.search(r'(src|href)="(?!data:)', view_html(shown(tmp_path)))
    assert "<script" not in view_html(shown(tmp_path))


@pytest.mark.parametrize("values", [np.full((2, 3), np.nan, np.float32), np.full((2, 3), 7.0, np.float32)])
def test_packed_numbers__stands_maps_without_a_range(values: np.typing.NDArray[np.float32]) -> None:
    packed, scale = packed_numbers(values, np.ones(values.shape, bool))
    assert scale["step"] == 0
    assert packed[..., 2].max() == (0 if np.isnan(values).all() else 255)
    assert scale["low"] == (0 if np.isnan(values).all() else 7.0)
