# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from leadline.models import attention
from leadline.models.attention import attend

TOKENS = 9
ONE = TOKENS * TOKENS  # scores of one head of one image


def inputs(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """As a fused projection leaves them: views with interleaved strides, two images of four heads."""
    qkv = torch.randn(2, TOKENS, 3, 4, 16, generator=torch.Generator().manual_seed(1)).to(dtype)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    return q, k, v


def by_hand(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = torch.einsum("bhid,bhjd->bhij", q.double(), k.double()) / 4  # sqrt(16)
    return torch.einsum("bhij,bhjd->bhid", scores.exp() / scores.exp().sum(-1, keepdim=True), v.double())


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-6), (torch.bfloat16, 0.02), (torch.float64, 1e-12)])
def test_attend__is_softmax_attention(dtype: torch.dtype, atol: float) -> None:
    q, k, v = inputs(dtype)
    got = attend(q, k, v)
    assert got.dtype == dtype
    torch.testing.assert_close(got.double(), by_hand(q, k, v), atol=atol, rtol=0)


@pytest.mark.parametrize("piece", [ONE // 2, ONE, 3 * ONE, 4 * ONE, 7 * ONE, 8 * ONE])
def test_attend__pieces_change_nothing_but_the_order_of_work(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = (one.detach().requires_grad_() for one in inputs(torch.bfloat16))
    whole = attend(q, k, v)
    wanted = torch.autograd.grad(whole.float().square().sum(), (q, k, v))
    sizes: list[int] = []
    softmax = Tensor.softmax
    monkeypatch.setattr(attention, "_PIECE", piece)

    def counted(scores: Tensor, dim: int) -> Tensor:
        sizes.append(scores.numel())
        return softmax(scores, dim)

    monkeypatch.setattr(Tensor, "softmax", counted)
    got = attend(q, k, v)
    assert max(sizes) <= max(piece, ONE)
    assert sum(sizes) == 8 * ONE
    torch.testing.assert_close(got, whole, atol=0, rtol=0)
    for one, other in zip(torch.autograd.grad(got.float().square().sum(), (q, k, v)), wanted, strict=True):
        torch.testing.assert_close(one, other, atol=0, rtol=0)


def test_attend__takes_the_fused_kernel_where_training_would_keep_too_many_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = inputs(torch.bfloat16)
    fused = F.scaled_dot_product_attention(q, k, v)
    monkeypatch.setattr(attention, "_attend_in_pieces", lambda *_: torch.zeros(()))
    monkeypatch.setattr(attention, "_KEPT", 8 * ONE)
    assert attend(q, k, v).shape == ()
    monkeypatch.setattr(attention, "_KEPT", 8 * ONE - 1)
    torch.testing.assert_close(attend(q, k, v), fused, atol=0, rtol=0)
