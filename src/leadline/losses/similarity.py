# SPDX-License-Identifier: Apache-2.0
"""Two sets of features of the same tokens enter, how unlike they are up to a linear map or a rotation leaves.

Tokens of the whole global batch are pooled: statistics of features need many more tokens than features.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.pooling import SumAcross, keep

MOST_FEATURES = 64  # canonical correlations of more features need more tokens than a batch has
TOKENS_PER_FEATURE = 10
RIDGE = 1e-4


class _Covariances(NamedTuple):
    """Of the tokens of all ranks, (D1,D1), (D2,D2) and (D1,D2), in the units of the features."""

    first: Tensor
    second: Tensor
    cross: Tensor


def cca(*, first: Tensor, second: Tensor, ridge: float = RIDGE, sum_across: SumAcross = keep) -> Tensor:
    """1 - mean canonical correlation (Hotelling 1936; as a loss: Andrew et al. 2013, deep CCA).

    The singular values of L1^-1 S12 L2^-T, with L the Cholesky factors of the covariances.  Only their sum is used, whose
    gradient is finite where they are equal.

    With too few tokens, correlations of pure noise are exactly 1.  Features are therefore projected first, e.g. by
    ``orthogonal_projection``, and few tokens are refused.

    Args:
        first: (..., D1) features of N tokens in all, D1 at most ``MOST_FEATURES``.
        second: (..., D2) features of the same N tokens; detach what must not learn.
        ridge: added to each covariance, relative to its mean variance.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, in [0, 1]: 0 where one is an invertible linear map of the other (up to the ridge).  The mean
        is over min(D1, D2) correlations.

    Raises:
        ContractError: the token counts differ, there are more features than ``MOST_FEATURES``, or fewer than
            ``TOKENS_PER_FEATURE`` tokens for each of them on all ranks together.

    >>> tokens = torch.randn(200, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> abs(cca(first=tokens, second=tokens.flip(1) * 3 + 1, ridge=1e-9).item()) < 1e-6
    True
    """
    widest = max(first.shape[-1], second.shape[-1])
    if widest > MOST_FEATURES:
        raise ContractError(
            expected=f"at most {MOST_FEATURES} features, of which canonical correlations say something",
            got=f"{first.shape[-1]} and {second.shape[-1]}",
            remedy="project both with losses.similarity.orthogonal_projection first, or use cka",
        )
    covariances, count = _covariances(first, second, sum_across)
    tokens = int(count)
    if tokens < TOKENS_PER_FEATURE * widest:
        raise ContractError(
            expected=f"at least {TOKENS_PER_FEATURE} tokens per feature, {TOKENS_PER_FEATURE * widest} in all",
            got=f"{tokens} tokens, where correlations of noise are large",
            remedy="pool more pictures, project to fewer features, or use cka",
        )
    left, right = (torch.linalg.cholesky(_ridged(one, ridge)) for one in (covariances.first, covariances.second))
    whitened = torch.linalg.solve_triangular(left, covariances.cross, upper=False)
    whitened = torch.linalg.solve_triangular(right, whitened.mT, upper=False)
    correlations: Tensor = torch.linalg.svdvals(whitened)
    return (1 - correlations.mean()).to(_full(first))


def cka(*, first: Tensor, second: Tensor, sum_across: SumAcross = keep) -> Tensor:
    """1 - ||X'Y||^2 / (||X'X|| ||Y'Y||) of centred features, Frobenius norms   (linear CKA, Kornblith et al. 2019).

    Args:
        first: (..., D1) features of N tokens in all.
        second: (..., D2) features of the same N tokens; detach what must not learn.
        sum_across: sum over ranks, see ``losses.pooling``.

    Returns:
        (), float32 or float64, in [0, 1]: 0 where one is a rotation, reflection, scaling and shift of the other, near 1 for
        independent features of many more tokens than D1 and D2, exactly 1 where one of the two does not vary.

    Raises:
        ContractError: the token counts differ.

    >>> tokens = torch.randn(200, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> abs(cka(first=tokens, second=tokens.flip(1) * 3 + 1).item()) < 1e-9
    True
    """
    covariances, _ = _covariances(first, second, sum_across)
    own = covariances.first.square().sum() * covariances.second.square().sum()
    alike = covariances.cross.square().sum() / torch.where(own > 0, own, 1).sqrt()
    return (1 - alike).to(_full(first))


def orthogonal_projection(features: int, *, width: int = MOST_FEATURES, generator: torch.Generator) -> Tensor:
    """Random directions that are orthonormal, to be kept for a whole training: (features, min(features, width)) float32.

    ``tokens @ projection`` then has that many features.  Drawn on the generator's device.

    >>> projection = orthogonal_projection(8, width=3, generator=torch.Generator().manual_seed(0))
    >>> bool((projection.T @ projection - torch.eye(3)).abs().max() < 1e-6)
    True
    """
    normal = torch.randn(features, min(features, width), generator=generator, device=generator.device, dtype=torch.float64)
    orthonormal: Tensor = torch.linalg.qr(normal).Q
    return orthonormal.float()


def _covariances(first: Tensor, second: Tensor, sum_across: SumAcross) -> tuple[_Covariances, Tensor]:
    """Float64 covariances of (..., D1) and (..., D2), and the number of tokens of all ranks, ()."""
    if first.shape[:-1] != second.shape[:-1] or first.ndim < 2:
        raise ContractError(
            expected="features (...,D) of the same tokens on both sides",
            got=f"{tuple(first.shape)} beside {tuple(second.shape)}",
            remedy="give both networks the same picture size and drop class and register tokens on both sides",
        )
    with torch.autocast(first.device.type, enabled=False):
        sides = [one.flatten(0, -2).to(_full(first)) for one in (first, second)]
        D1 = sides[0].shape[1]
        tokens = torch.cat(sides, dim=1)
        sums = sum_across(torch.cat([tokens.sum(dim=0), tokens.new_tensor([len(tokens)])]))
        count = sums[-1].detach()
        centred = tokens - sums[:-1] / count.clamp(min=1)
        left, right = centred[:, :D1], centred[:, D1:]
        products = [left.T @ left, right.T @ right, left.T @ right]
        summed = sum_across(torch.cat([one.flatten() for one in products])).double() / (count - 1).clamp(min=1)
        parts = torch.split(summed, [one.numel() for one in products])
    return _Covariances(*(part.view(one.shape) for part, one in zip(parts, products, strict=True))), count


def _ridged(covariance: Tensor, ridge: float) -> Tensor:
    """With a diagonal that makes it invertible; features that do not vary at all then correlate with nothing."""
    variance = covariance.diagonal().mean()
    eye = torch.eye(len(covariance), device=covariance.device, dtype=covariance.dtype)
    return covariance + torch.where(variance > 0, ridge * variance, 1.0) * eye


def _full(features: Tensor) -> torch.dtype:
    return torch.float64 if features.dtype == torch.float64 else torch.float32
