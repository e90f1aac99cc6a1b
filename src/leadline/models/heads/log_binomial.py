# SPDX-License-Identifier: Apache-2.0
"""Fine features and a bin embedding enter, a log-binomial distribution over the bins and its mean depth leave
(ZoeDepth, Bhat et al. 2023, arXiv 2302.12288).

The distribution has two parameters per pixel, success probability p and temperature T, and for K bins, n = K - 1,

    probability_k  ~  exp((C_k + k log p + (n - k) log(1 - p)) / T)  ~  exp((C_k + k log(p / (1 - p))) / T),

where C_k is the leading-order Stirling form of log(n over k).  The second form drops n log(1 - p), which is the same for all
bins: fewer operations and less rounding at small T.  Everything here runs in float32 or float64, also under autocast.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from leadline.models.heads.first_order import first_order
from leadline.models.heads.precision import at_least_float32

MIN_PROBABILITY = 1e-4  # p and 1 - p are clamped to it before their logarithms
MIN_EVIDENCE = 1e-4  # added to the four outputs of the last layer
STIRLING_SHIFT = 1e-7  # keeps k = 0 and k = n finite; with float32 rounding, part of the released numbers

# Values of (B, bins, rows, W) computed at once: about one core's second-level cache, and what keeps a GPU busy.
CPU_BLOCK, ACCELERATOR_BLOCK = 1 << 18, 1 << 26


def log_coefficients(like: Tensor, n_bins: int) -> Tensor:
    """C_k of the module's formula, (K,), no unit, in the dtype and on the device of ``like`` (ZoeDepth's ``log_binom``).

    K is ``n_bins``, 2 or more.  Stirling's form, not ``lgamma``, as released.

    >>> round(log_coefficients(torch.ones(1), 3)[1].item(), 3)
    1.386
    """
    k = torch.arange(n_bins, dtype=like.dtype, device=like.device) + STIRLING_SHIFT
    n = torch.tensor(n_bins - 1, dtype=like.dtype) + STIRLING_SHIFT
    rest = n - k
    return n * n.log() - k * k.log() - rest * (rest + STIRLING_SHIFT).log()


class LogBinomial(NamedTuple):
    """One distribution per pixel; exponents are linear in these two maps, which have no unit.

    Attributes:
        sharpness: (B,1,H,W), 1 / T.
        tilt: (B,1,H,W), log(p / (1 - p)) / T.
    """

    sharpness: Tensor
    tilt: Tensor

    @staticmethod
    def of(*, success: Tensor, temperature: Tensor) -> LogBinomial:
        """From p in [0, 1] and T > 0, both (B,1,H,W), no unit; the maps have their shape and dtype."""
        odds = success.clamp(MIN_PROBABILITY, 1.0).log() - (1 - success).clamp(MIN_PROBABILITY, 1.0).log()
        return LogBinomial(1 / temperature, odds / temperature)

    def probabilities(self, n_bins: int) -> Tensor:
        """(B,n_bins,H,W) in [0, 1], sum 1 over the bins (ZoeDepth's ``LogBinomial``)."""
        sharpness_BHW1, tilt_BHW1 = (one.permute(0, 2, 3, 1) for one in self)
        return _probabilities(sharpness_BHW1, tilt_BHW1, _basis(self.tilt, n_bins)).permute(0, 3, 1, 2)


def expected_value(distribution: LogBinomial, centers: Tensor) -> Tensor:
    """Mean of the bin centres under the distribution, without ever holding (B,N,H,W).

    The centres are resized to (H,W) by bilinear interpolation with aligned corners, a few rows at a time, forwards and
    backwards.

    Args:
        distribution: maps (B,1,H,W), no unit.
        centers: (B,N,h,w) in any unit, dtype of the maps.

    Returns:
        (B,1,H,W) in the unit of the centres, differentiable once by the maps and the centres.

    Raises:
        ContractError: where a second derivative is taken.

    >>> one = torch.ones(1, 1, 1, 1)
    >>> round(expected_value(LogBinomial(one, 0 * one), torch.tensor([2.0, 4.0]).reshape(1, 2, 1, 1)).item(), 4)
    3.0
    """
    if torch.compiler.is_exporting():  # a graph for any size has no loop over rows, and needs no gradient
        resized = F.interpolate(centers, distribution.tilt.shape[-2:], mode="bilinear", align_corners=True)
        return (distribution.probabilities(centers.shape[1]) * resized).sum(dim=1, keepdim=True)
    bins_last = (values.permute(0, 2, 3, 1).contiguous() for values in (*distribution, centers))
    with torch.autocast(centers.device.type, enabled=False):  # its matrix products would round to bfloat16
        mean_BHW1 = cast("Tensor", _ExpectedValue.apply(*bins_last))
    return mean_BHW1.permute(0, 3, 1, 2)


class ConditionalLogBinomial(nn.Module):
    """Predicts p and T of every pixel (ZoeDepth's ``ConditionalLogBinomial``; keys ``mlp.0`` and ``mlp.2``).

    Args:
        in_channels: channels of the fine features, the relative depth included.
        condition_channels: channels of the bin embedding.
        min_temp, max_temp: range of T.
        bottleneck_factor: inputs per hidden channel.
    """

    def __init__(
        self, in_channels: int, condition_channels: int, *, min_temp: float, max_temp: float, bottleneck_factor: int = 2
    ) -> None:
        super().__init__()
        self.in_channels, self.min_temp, self.max_temp = in_channels, min_temp, max_temp
        hidden = (in_channels + condition_channels) // bottleneck_factor
        self.mlp = nn.Sequential(
            nn.Conv2d(in_channels + condition_channels, hidden, 1), nn.GELU(), nn.Conv2d(hidden, 4, 1), nn.Softplus()
        )
        self.register_load_state_dict_pre_hook(_forget_constants)  # type: ignore[no-untyped-call]

    def forward(self, features: Tensor, condition: Tensor) -> LogBinomial:
        """Features (B,in,H,W) and embedding (B,condition,h,w) -> maps (B,1,H,W), no unit, at least float32."""
        evidence_BHW4 = self.evidence(features, condition) + MIN_EVIDENCE
        success, warmth = (evidence_BHW4[..., first] / evidence_BHW4[..., first : first + 2].sum(dim=-1) for first in (0, 2))
        temperature = self.min_temp + (self.max_temp - self.min_temp) * warmth
        return LogBinomial.of(success=success[:, None], temperature=temperature[:, None])

    def evidence(self, features: Tensor, condition: Tensor) -> Tensor:
        """(B,in,H,W), (B,condition,h,w) -> (B,H,W,4) >= 0, no unit: for and against p, for and against a high T."""
        hidden = self.mlp[1](self._first_layer(features, condition))
        with torch.autocast(hidden.device.type, enabled=False):
            weight_4C, bias_4 = (at_least_float32(one) for one in self.mlp[2].parameters())
            hidden_BHWC = at_least_float32(hidden.permute(0, 2, 3, 1))
            return F.softplus(F.linear(hidden_BHWC, weight_4C.flatten(1), bias_4))

    def _first_layer(self, features: Tensor, condition: Tensor) -> Tensor:
        """``mlp.0`` of the features beside the resized embedding: a 1x1 convolution may come before the resize."""
        weight, bias = self.mlp[0].parameters()
        coarse = F.conv2d(condition, weight[:, self.in_channels :], bias)
        size = features.shape[-2:]
        return F.interpolate(coarse, size, mode="bilinear", align_corners=True).add_(
            F.conv2d(features, weight[:, : self.in_channels])
        )


def _forget_constants(_module: nn.Module, state: dict[str, Tensor], prefix: str, *_rest: object) -> None:
    for name in ("k_idx", "K_minus_1"):  # official files store these constants; here they are computed
        state.pop(f"{prefix}log_binomial_transform.{name}", None)


def _basis(like: Tensor, n_bins: int) -> Tensor:
    """(2,N): the coefficients and the bin numbers, whose combinations the exponents are."""
    return torch.stack([log_coefficients(like, n_bins), torch.arange(n_bins, dtype=like.dtype, device=like.device)])


def _probabilities(sharpness_BHW1: Tensor, tilt_BHW1: Tensor, basis_2N: Tensor) -> Tensor:
    """(B,H,W,N)."""
    coefficient, number = basis_2N
    return torch.addcmul(coefficient * sharpness_BHW1, number, tilt_BHW1).softmax(dim=-1)


class _Rows:
    """Resizes centres (B,h,w,N) to blocks of rows of (H,W), and sends the gradients of such blocks back."""

    def __init__(self, centers_BhwN: Tensor, height: int, width: int) -> None:
        images, n_rows, self.coarse_width, bins = centers_BhwN.shape
        self.width = width
        step_rows = (n_rows - 1) / max(height - 1, 1)
        position = torch.arange(height, dtype=centers_BhwN.dtype, device=centers_BhwN.device) * step_rows
        self.above = position.long().clamp(max=max(n_rows - 2, 0))
        self.below = (self.above + 1).clamp(max=n_rows - 1)
        self.weight = (position - self.above)[:, None, None]
        limit = CPU_BLOCK if centers_BhwN.device.type == "cpu" else ACCELERATOR_BLOCK
        count = max(1, limit // (images * bins * width))
        self.blocks = [slice(row, min(row + count, height)) for row in range(0, height, count)]

    def read(self, centers_BhwN: Tensor, block: slice) -> Tensor:
        above, below = centers_BhwN[:, self.above[block]], centers_BhwN[:, self.below[block]]
        rows = torch.lerp(above, below, self.weight[block]).permute(0, 3, 1, 2)
        wide = F.interpolate(rows, (rows.shape[2], self.width), mode="bilinear", align_corners=True)
        return wide.permute(0, 2, 3, 1)

    def add_gradient(self, by_centers_BhwN: Tensor, by_block_BrWN: Tensor, block: slice) -> None:
        by_wide = by_block_BrWN.permute(0, 3, 1, 2)
        shape = [*by_wide.shape[:3], self.coarse_width]
        by_rows = torch.ops.aten.upsample_bilinear2d_backward(by_wide, by_wide.shape[2:], shape, True, None, None)  # noqa: FBT003
        by_rows = by_rows.permute(0, 2, 3, 1)
        lower = by_rows * self.weight[block]
        by_centers_BhwN.index_add_(1, self.below[block], lower)
        by_centers_BhwN.index_add_(1, self.above[block], by_rows - lower)


class _Context(Protocol):
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _ExpectedValue(torch.autograd.Function):
    """With c the centres and y = C sharpness + k tilt:  d mean / d sharpness = cov(c, C), d mean / d tilt = cov(c, k)."""

    @staticmethod
    def forward(ctx: _Context, sharpness_BHW1: Tensor, tilt_BHW1: Tensor, centers_BhwN: Tensor) -> Tensor:
        basis_2N = _basis(tilt_BHW1, centers_BhwN.shape[3])
        sums_N3 = torch.cat([torch.ones_like(basis_2N[:1]), basis_2N]).T.contiguous()
        mean_BHW1, by_maps_BHW2 = torch.empty_like(tilt_BHW1), tilt_BHW1.new_empty(*tilt_BHW1.shape[:3], 2)
        rows = _Rows(centers_BhwN, *tilt_BHW1.shape[1:3])
        for block in rows.blocks:
            probability = _probabilities(sharpness_BHW1[:, block], tilt_BHW1[:, block], basis_2N)
            plain = probability @ sums_N3
            weighted = probability.mul_(rows.read(centers_BhwN, block)) @ sums_N3
            mean_BHW1[:, block] = weighted[..., :1]
            by_maps_BHW2[:, block] = weighted[..., 1:] - weighted[..., :1] * plain[..., 1:]
        ctx.save_for_backward(sharpness_BHW1, tilt_BHW1, centers_BhwN, by_maps_BHW2)
        return mean_BHW1

    @staticmethod
    @first_order
    def backward(ctx: _Context, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (by_mean_BHW1,) = gradients
        sharpness_BHW1, tilt_BHW1, centers_BhwN, by_maps_BHW2 = ctx.saved_tensors
        basis_2N, by_centers_BhwN = _basis(tilt_BHW1, centers_BhwN.shape[3]), torch.zeros_like(centers_BhwN)
        rows = _Rows(centers_BhwN, *tilt_BHW1.shape[1:3])
        for block in rows.blocks:
            probability = _probabilities(sharpness_BHW1[:, block], tilt_BHW1[:, block], basis_2N)
            rows.add_gradient(by_centers_BhwN, probability.mul_(by_mean_BHW1[:, block]), block)
        by_maps_BHW2 = by_maps_BHW2 * by_mean_BHW1
        return by_maps_BHW2[..., :1], by_maps_BHW2[..., 1:], by_centers_BhwN
