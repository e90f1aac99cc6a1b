# SPDX-License-Identifier: Apache-2.0
"""Embeddings of several views of the same pictures enter, LeJEPA's loss leaves: views agree, and samples stay apart.

    loss = (1 - lamb) * invariance + lamb * mean over views of SIGReg    (LeJEPA, arXiv 2511.08544, eq. 6 and 7)

There is no teacher, no predictor and no stop-gradient: global views are pulled to the others as well.  The paper's squared
norm is a mean over dimensions here, as in every public implementation, whose published ``lamb`` go with it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.pooling import SumAcross, keep
from leadline.losses.sigreg import DEFAULT, EcfSums, SigregSettings, sigreg, sigreg_of_sums


class LejepaTerms(NamedTuple):
    """The loss and what it is made of, each () without unit, float32 or float64.

    Attributes:
        loss: (1 - lamb) * invariance + lamb * sigreg.
        invariance: mean squared distance of a view from the mean of its picture's global views.
        sigreg: mean over views.
    """

    loss: Tensor
    invariance: Tensor
    sigreg: Tensor

    def across(self, sum_across: SumAcross) -> LejepaTerms:
        """The shares of all ranks in one exchange, see ``lejepa_of_sums``."""
        return LejepaTerms(*sum_across(torch.stack(self)).unbind())


def lejepa(
    embeddings_VND: Tensor,
    *,
    n_global: int,
    lamb: float,
    step: int,
    settings: SigregSettings = DEFAULT,
    sum_across: SumAcross = keep,
) -> LejepaTerms:
    """LeJEPA's loss of a global batch.

    Args:
        embeddings_VND: (V,N,D) of V views of N pictures, global views first, of any floating type.
        n_global: how many of the views are global, 1 to V; the paper takes all of them for networks other than ViTs.
        lamb: weight of SIGReg, 0 to 1; 0.05 with eight views, 0.01 with two (paper, table 7).
        step: of the optimiser, see ``losses.sigreg.directions``.
        settings: SIGReg's.
        sum_across: sum over ranks, see ``losses.pooling``; ranks may hold different numbers of pictures.

    Returns:
        The terms.  NaN where an embedding is NaN, as in ``sigreg``.  At ``lamb`` 0 and 1 the loss is exactly the one term.

    Raises:
        ContractError: another shape, ``n_global`` not in 1..V, or ``lamb`` not in [0, 1].

    >>> views = torch.tensor([[[0.0], [2.0]], [[0.0], [4.0]]])
    >>> lejepa(views, n_global=2, lamb=0, step=0).loss.item(), lejepa(views, n_global=1, lamb=0, step=0).loss.item()
    (0.5, 1.0)
    """
    _check(embeddings_VND, n_global, lamb)
    distances = _distances(embeddings_VND, n_global)
    total, count = sum_across(torch.stack([distances.sum(), distances.new_tensor(len(distances))])).unbind()
    regularity = sigreg(embeddings_VND, step=step, settings=settings, sum_across=sum_across)
    return _weighed(total / count.detach(), regularity, lamb)


def lejepa_of_sums(
    embeddings_VND: Tensor,
    sums: EcfSums,
    *,
    n_global: int,
    lamb: float,
    step: int,
    settings: SigregSettings = DEFAULT,
) -> LejepaTerms:
    """The share of one micro-batch in the loss of all pictures that ``sums`` has seen.

    Shares add up, over micro-batches and ranks, to ``lejepa`` of the whole, values and gradients: see
    ``losses.sigreg.sigreg_of_sums``.  With several ranks, the loss to go down is ``terms.across(sum_across).loss``.

    Args:
        embeddings_VND: (V,N,D) as in the first pass.
        sums: of ``characteristic_sums(embeddings_VND)``, added up over all micro-batches and ranks.
        n_global, lamb, step, settings: as for ``lejepa``.

    Returns:
        The shares.

    Raises:
        ContractError: as ``lejepa``, or sums of other views, slices or knots.
    """
    _check(embeddings_VND, n_global, lamb)
    invariance = _distances(embeddings_VND, n_global).sum() / sums.count
    return _weighed(invariance, sigreg_of_sums(embeddings_VND, sums, step=step, settings=settings), lamb)


def _distances(embeddings_VND: Tensor, n_global: int) -> Tensor:
    """Squared distance to the mean of the global views, averaged over views and dimensions: (V,N,D) -> (N,)."""
    full = torch.float64 if embeddings_VND.dtype == torch.float64 else torch.float32
    embeddings_VND = embeddings_VND.to(full)
    return (embeddings_VND - embeddings_VND[:n_global].mean(dim=0)).square().mean(dim=(0, 2))


def _weighed(invariance: Tensor, regularity: Tensor, lamb: float) -> LejepaTerms:
    return LejepaTerms((1 - lamb) * invariance + lamb * regularity, invariance, regularity)


def _check(embeddings_VND: Tensor, n_global: int, lamb: float) -> None:
    if embeddings_VND.ndim != 3:
        raise ContractError(
            expected="embeddings (V,N,D): views, pictures, dimensions",
            got=f"{tuple(embeddings_VND.shape)}",
            remedy="stack the views' embeddings, global views first",
        )
    if not 1 <= n_global <= len(embeddings_VND):
        raise ContractError(
            expected=f"1 to {len(embeddings_VND)} global views, as many as there are views",
            got=f"n_global {n_global}",
            remedy="pass the n_global of the batch's views",
        )
    if not 0 <= lamb <= 1:
        raise ContractError(expected="lamb in [0, 1]", got=f"{lamb}", remedy="pass e.g. 0.05")
