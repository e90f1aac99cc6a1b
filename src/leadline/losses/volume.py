# SPDX-License-Identifier: Apache-2.0
"""Volumes of logits or probabilities over disparity levels enter; a synthesised view, volumes and losses leave."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from leadline.contracts.errors import ContractError
from leadline.geometry.level_synthesis import synthesise_by_level
from leadline.losses.maps import full_precision

LEAST_DIFFERENCE = 1.0  # TiO-Depth: below this sum of absolute differences, of at most 2, a cost is good enough
_LOG_OFFSET = 1e-5  # TiO-Depth adds it before it takes a logarithm


def synthesise(*, logits: Tensor, image: Tensor, levels_px: Tensor, direction: int) -> Tensor:
    """The target view, made of the other view's picture and the other view's volume   (FAL-Net; TiO-Depth, stage 1).

    Plane i of both moves by level i; a softmax over the moved logits says how much each moved picture counts.

    Args:
        logits: (B,N,H,W) of the *other* view; outside they are 0.
        image: (B,C,H,W) the other view, of any unit; replicated outside.
        levels_px: (N,) pixels of this width.
        direction: +1 where the *target*, which leaves, is the left view, -1 where it is the right one.

    Returns:
        (B,C,H,W) float32 or float64 in the image's unit.

    Raises:
        ContractError: sizes or numbers that differ, a direction other than +1 and -1.

    >>> import torch
    >>> sure = torch.tensor([0.0, 50.0])[None, :, None, None].expand(1, 2, 1, 4)
    >>> row = torch.tensor([[[[1.0, 2.0, 4.0, 8.0]]]])
    >>> synthesise(logits=sure, image=row, levels_px=torch.tensor([2.0, 1.0]), direction=1).flatten().round().tolist()
    [1.0, 1.0, 2.0, 4.0]
    """
    return synthesise_by_level(full_precision(logits), full_precision(image), levels_px, direction=direction)


def cost_guidance(*, cost_probabilities: Tensor, guide_probabilities: Tensor) -> Tensor:
    """How far a matching cost is from a guide, where it is far and the guide is sure   (TiO-Depth, stage 2).

    ``e = sum_i |a_i - p_i|`` counts from ``LEAST_DIFFERENCE`` on; its factor is what the guide holds in the three levels
    around its greatest one.

    Args:
        cost_probabilities: (B,N,h,w) softmax of the raw cost; gets the gradient.
        guide_probabilities: (B,N,h,w), see ``guide_at``; gets none.

    Returns:
        (B,h,w) float32 or float64 in [0, 2]; 0 where the two are close.

    Raises:
        ContractError: shapes that differ.

    >>> import torch
    >>> cost, guide = torch.eye(4)[[0, 2]].T[None, :, None], torch.eye(4)[[1, 2]].T[None, :, None]
    >>> cost_guidance(cost_probabilities=cost, guide_probabilities=guide).tolist()
    [[[2.0, 0.0]]]
    """
    _check(cost_probabilities, guide_probabilities, "cost_probabilities and guide_probabilities")
    guide = full_precision(guide_probabilities).detach()
    difference = (full_precision(cost_probabilities) - guide).abs().sum(dim=1)
    return difference * (difference.detach() >= LEAST_DIFFERENCE) * peak_mass(guide)


def peak_mass(probabilities: Tensor) -> Tensor:
    """What lies in the greatest level and its two neighbours, a measure of confidence: (B,N,H,W) -> (B,H,W) in [0, 1].

    >>> import torch
    >>> peak_mass(torch.tensor([0.125, 0.25, 0.5, 0.125])[None, :, None, None]).item()
    0.875
    """
    levels = probabilities.shape[1]
    peak = probabilities.argmax(dim=1, keepdim=True)
    mass = probabilities.gather(1, peak)
    for neighbour in (peak - 1, peak + 1):
        inside = (neighbour >= 0) & (neighbour < levels)
        mass = mass + probabilities.gather(1, neighbour.clamp(0, levels - 1)) * inside
    return mass.squeeze(1)


def guide_at(probabilities: Tensor, size: tuple[int, int], *, parity: bool = False) -> Tensor:
    """A volume at the size of a cost that it is to guide.

    Args:
        probabilities: (B,N,H,W).
        size: (h, w) of the cost volume, whatever its stride.
        parity: halve by bilinear samples whose corners coincide until the size is reached, as TiO-Depth does, which leaves
            out pixels and shifts the rest; else resample once, antialiased.

    Returns:
        (B,N,h,w) float32 or float64; each pixel still sums to 1.

    Raises:
        ContractError: with ``parity``, a size that halving does not reach.
    """
    volume = full_precision(probabilities)
    if not parity:
        return F.interpolate(volume, size, mode="bilinear", align_corners=False, antialias=True)
    while volume.shape[2] > size[0] or volume.shape[3] > size[1]:
        half = (volume.shape[2] // 2, volume.shape[3] // 2)
        volume = F.interpolate(volume, half, mode="bilinear", align_corners=True)
    if tuple(volume.shape[2:]) != tuple(size):
        raise ContractError(
            expected=f"{size[0]}x{size[1]} as {probabilities.shape[2]}x{probabilities.shape[3]} halved some times",
            got=f"{volume.shape[2]}x{volume.shape[3]}",
            remedy="leave parity off; it exists to compare with the released numbers",
        )
    return volume


def fuse_volumes(*, stereo_probabilities: Tensor, mono_probabilities: Tensor, stereo_weight: Tensor) -> Tensor:
    """``w * stereo + (1 - w) * mono``   (TiO-Depth, stage 3).

    Two volumes (B,N,H,W) and weights (B,H,W) in [0, 1], see ``geometry.visibility.fusion_weight`` -> (B,N,H,W) float32 or
    float64 without gradient.

    Raises:
        ContractError: shapes that differ.
    """
    _check(stereo_probabilities, mono_probabilities, "stereo_probabilities and mono_probabilities")
    stereo, mono = full_precision(stereo_probabilities).detach(), full_precision(mono_probabilities).detach()
    return mono.lerp(stereo, stereo_weight.detach().to(mono.dtype).unsqueeze(1).expand_as(mono))


def volume_distillation(*, refined_probabilities: Tensor, fused_probabilities: Tensor) -> Tensor:
    """``sum_i P_i (log(P_i + 1e-5) - log(p_i + 1e-5))``, nearly the Kullback-Leibler divergence   (TiO-Depth, stage 3).

    Args:
        refined_probabilities: (B,N,H,W), the student; gets the gradient.
        fused_probabilities: (B,N,H,W), see ``fuse_volumes``; gets none.

    Returns:
        (B,H,W) float32 or float64 in nats; 0 where both are equal.

    Raises:
        ContractError: shapes that differ.
    """
    _check(refined_probabilities, fused_probabilities, "refined_probabilities and fused_probabilities")
    refined = full_precision(refined_probabilities)
    divergence: Tensor = _Divergence.apply(refined, fused_probabilities.to(refined.dtype))
    return divergence


class _Divergence(torch.autograd.Function):
    """Plane by plane, for a volume that is made anew costs more time than the logarithms in it."""

    @staticmethod
    def forward(ctx: FunctionCtx, refined: Tensor, fused: Tensor) -> Tensor:
        ctx.save_for_backward(refined, fused)
        total = torch.zeros_like(fused[:, 0])
        for student, teacher in zip(refined.unbind(1), fused.unbind(1), strict=True):
            total.addcmul_(teacher, (teacher + _LOG_OFFSET).div_(student + _LOG_OFFSET).log_())
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, above: Tensor) -> tuple[Tensor, None]:
        refined, fused = ctx.saved_tensors  # type: ignore[attr-defined]
        below = torch.empty_like(refined)
        for i in range(refined.shape[1]):
            torch.div(fused[:, i], refined[:, i] + _LOG_OFFSET, out=below[:, i]).mul_(above).neg_()
        return below, None


def _check(one: Tensor, other: Tensor, names: str) -> None:
    if one.shape != other.shape or one.ndim != 4:
        raise ContractError(
            expected=f"{names} of one shape (B,N,H,W)",
            got=f"{tuple(one.shape)} and {tuple(other.shape)}",
            remedy="resample the guide to the cost's size with guide_at",
        )
