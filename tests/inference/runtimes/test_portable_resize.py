# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from leadline.inference.runtimes.portable_resize import PortableResizes, averaging_cubic


@pytest.mark.parametrize("size", [(14, 14), (32, 37), (5, 9), (1, 40), (3, 3)])
def test_averaging_cubic__is_pytorchs(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.randn(2, 3, 14, 14, dtype=torch.float64)
    wanted = F.interpolate(values, size, mode="bicubic", antialias=True)
    torch.testing.assert_close(averaging_cubic(values, size), wanted, atol=1e-12, rtol=0)


def test_portable_resizes__replace_only_averaging_cubic_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def count(values: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        asked.append(size)
        return values

    monkeypatch.setattr("leadline.inference.runtimes.portable_resize.averaging_cubic", count)
    values = torch.randn(1, 2, 6, 6)
    with PortableResizes():
        F.interpolate(values, size=(4, 5), mode="bicubic", antialias=True)
        F.interpolate(input=values, size=(5, 4), mode="bicubic", antialias=True)
        for other in ({"mode": "bicubic"}, {"mode": "bilinear", "antialias": True}):
            wanted = F.interpolate(values, size=(4, 5), **other)
            assert wanted.shape == (1, 2, 4, 5)
    assert asked == [(4, 5), (5, 4)]
    F.interpolate(values, size=(4, 5), mode="bicubic", antialias=True)
    assert len(asked) == 2
