# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from leadline.models.config import PositionRule
from leadline.models.position_embedding import bicubic_matrix, resample_positions
from tests.shared_paths import stored

GRIDS = ["37x37", "37x49", "28x37", "18x24", "7x7", "37x123", "37x66", "50x50"]


@pytest.mark.parametrize("grid", GRIDS)
def test_resample_positions__agrees_with_the_official_code(grid: str) -> None:
    arrays = stored("pos_embed_interp")
    height, width = (int(side) for side in grid.split("x"))
    native = torch.from_numpy(arrays["pos_embed"])[0, 1:].view(37, 37, -1)
    got = resample_positions(native, height, width, "official")
    step = 1 if height * width < 700 else 3
    np.testing.assert_allclose(got[::step, ::step], arrays[f"{grid}.grid"], atol=1e-5, rtol=0)


def test_resample_positions__returns_the_native_grid_untouched() -> None:
    grid = torch.randn(37, 37, 4)
    assert resample_positions(grid, 37, 37, "official") is grid


def test_resample_positions__by_size_is_plain_bicubic() -> None:
    grid = torch.randn(37, 37, 4)
    wanted = F.interpolate(grid.permute(2, 0, 1)[None], size=(20, 37), mode="bicubic", align_corners=False)
    got = resample_positions(grid, 20, 37, "size")
    torch.testing.assert_close(got, wanted[0].permute(1, 2, 0), atol=1e-5, rtol=0)
    assert (resample_positions(grid, 20, 37, "official") - got).abs().max() > 1e-3


def test_resample_positions__stays_in_float32_under_autocast() -> None:
    grid = torch.randn(37, 37, 4)
    with torch.autocast("cpu", torch.bfloat16):
        got = resample_positions(grid, 18, 24, "official")
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, resample_positions(grid, 18, 24, "official"), atol=0, rtol=0)


def test_bicubic_matrix__is_cached_per_size_and_keeps_a_constant() -> None:
    matrix = bicubic_matrix(37, 20, 20.1 / 37, torch.device("cpu"))
    assert bicubic_matrix(37, 20, 20.1 / 37, torch.device("cpu")) is matrix
    torch.testing.assert_close(matrix.sum(1), torch.ones(20))


def test_bicubic_matrix__made_in_inference_mode_serves_training() -> None:
    with torch.inference_mode():
        bicubic_matrix(37, 23, 23.1 / 37, torch.device("cpu"))
    grid = torch.randn(37, 37, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(resample_positions(grid, 23, 23, "official").sum(), grid)
    torch.testing.assert_close(gradient.sum(), torch.tensor(23.0 * 23 * 2), atol=1e-2, rtol=0)


@pytest.mark.parametrize("rule", ["official", "size"])
@pytest.mark.parametrize("size", [(37, 37), (37, 18), (5, 6), (1, 1), (20, 50), (37, 49)])
def test_resample_positions__is_the_same_in_a_graph_for_any_size(
    rule: PositionRule, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = torch.randn(37, 37, 4, generator=torch.Generator().manual_seed(0))
    expected = resample_positions(grid, *size, rule)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    torch.testing.assert_close(resample_positions(grid, *size, rule), expected, rtol=0, atol=2e-6)
