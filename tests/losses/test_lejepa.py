# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.lejepa import LejepaTerms, lejepa, lejepa_of_sums
from leadline.losses.sigreg import SigregSettings, characteristic_sums, sigreg

SETTINGS = SigregSettings(slices=64)


def views(count: int = 4, samples: int = 12, *, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(count, samples, 8, generator=torch.Generator().manual_seed(0), dtype=dtype)


def terms(embeddings: Tensor, *, n_global: int = 2, lamb: float = 0.05) -> LejepaTerms:
    return lejepa(embeddings, n_global=n_global, lamb=lamb, step=3, settings=SETTINGS)


def gradient(value: Tensor, leaf: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(value, leaf)
    return found


def test_lejepa__agrees_with_its_formula_written_out() -> None:
    found = terms(views(), lamb=0.3)
    distances = []
    for picture in views().unbind(1):
        centre = (picture[0] + picture[1]) / 2
        distances += [((view - centre) ** 2).mean() for view in picture]
    regularities = [sigreg(view, step=3, settings=SETTINGS) for view in views()]
    invariance, regularity = torch.stack(distances).mean(), torch.stack(regularities).mean()
    torch.testing.assert_close(found.invariance, invariance)
    torch.testing.assert_close(found.sigreg, regularity)
    torch.testing.assert_close(found.loss, 0.7 * invariance + 0.3 * regularity)


def test_lejepa__at_both_ends_of_lamb_is_exactly_one_term() -> None:
    leaf = views().requires_grad_()
    none, all_of_it = terms(leaf, lamb=0), terms(leaf, lamb=1)
    assert torch.equal(none.loss, none.invariance)
    assert torch.equal(all_of_it.loss, all_of_it.sigreg)
    assert torch.equal(all_of_it.loss, sigreg(leaf, step=3, settings=SETTINGS))
    assert torch.equal(gradient(none.loss, leaf), gradient(terms(leaf).invariance, leaf))
    assert torch.equal(gradient(all_of_it.loss, leaf), gradient(terms(leaf).sigreg, leaf))


def test_lejepa__of_views_that_are_alike_has_no_invariance_left() -> None:
    alike = views(1).expand(4, 12, 8)
    assert terms(alike).invariance.item() == pytest.approx(0, abs=1e-30)
    torch.testing.assert_close(terms(alike).sigreg, sigreg(alike[0], step=3, settings=SETTINGS))


def test_lejepa__of_global_views_only_has_their_variance_as_invariance() -> None:
    expected = views().var(dim=0, unbiased=False).mean()
    torch.testing.assert_close(terms(views(), n_global=4).invariance, expected)


def test_lejepa__differs_from_all_pairs_with_global_views_by_the_variance_of_these() -> None:
    found = views(6)
    pairs = (found[:2, None] - found[None]).square().mean()  # eq. 5
    variance = found[:2].var(dim=0, unbiased=False).mean()
    torch.testing.assert_close(pairs, terms(found).invariance + variance)


def test_lejepa__pulls_at_global_views_too() -> None:
    leaf = views().requires_grad_()
    found = gradient(terms(leaf).invariance, leaf)
    assert (found != 0).all()
    # d/d(centre) of the sum over views of |view - centre|^2 reaches each of the two global ones
    centre = leaf.detach()[:2].mean(0)
    through_centre = -(leaf.detach() - centre).sum(0)
    torch.testing.assert_close(found[0], 2 / leaf.numel() * (leaf.detach()[0] - centre + through_centre / 2))


def test_lejepa__has_the_right_gradient() -> None:
    leaf = views(3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda one: terms(one, lamb=0.4).loss, leaf)


def test_lejepa__of_nan_is_nan() -> None:
    found = views()
    found[1, 2, 3] = torch.nan
    assert all(term.isnan() for term in terms(found))


def test_lejepa__computes_in_full_precision() -> None:
    embeddings = views(dtype=torch.float32)
    expected = terms(embeddings)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = terms(embeddings)
        half = terms(embeddings.bfloat16())
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    assert all(term.dtype == torch.float32 for term in half)
    assert all(term.dtype == torch.float64 for term in terms(embeddings.double()))
    torch.testing.assert_close(half.loss, expected.loss, rtol=2e-2, atol=0)


def test_two_passes__over_uneven_micro_batches_have_value_and_gradient_of_the_whole_batch() -> None:
    leaf = views(4, 30, dtype=torch.float32).requires_grad_()
    parts = leaf.split([7, 22, 1], dim=1)  # type: ignore[no-untyped-call]
    first, *others = (characteristic_sums(part, step=3, settings=SETTINGS) for part in parts)
    sums = sum(others, first)
    shares = [lejepa_of_sums(part, sums, n_global=2, lamb=0.2, step=3, settings=SETTINGS) for part in parts]
    whole = terms(leaf, lamb=0.2)
    for added, expected in zip(zip(*shares, strict=True), whole, strict=True):
        torch.testing.assert_close(torch.stack(added).sum(), expected, rtol=1e-5, atol=0)
    accumulated = torch.stack([gradient(share.loss, leaf) for share in shares]).sum(0)
    torch.testing.assert_close(accumulated, gradient(whole.loss, leaf), rtol=1e-5, atol=1e-7)


def test_lejepa__of_the_wrong_views_or_weight_is_refused() -> None:
    with pytest.raises(ContractError, match=r"expected embeddings \(V,N,D\).*; got \(12, 8\); stack"):
        terms(views()[0])
    with pytest.raises(ContractError, match=r"1 to 4 global views.*; got n_global 5"):
        terms(views(), n_global=5)
    with pytest.raises(ContractError, match="got n_global 0"):
        terms(views(), n_global=0)
    for lamb in (-0.1, 1.1, float("nan")):
        with pytest.raises(ContractError, match=rf"expected lamb in \[0, 1\]; got {lamb}"):
            terms(views(), lamb=lamb)
    sums = characteristic_sums(views(), step=3, settings=SETTINGS)
    with pytest.raises(ContractError, match="got n_global 5"):
        lejepa_of_sums(views(), sums, n_global=5, lamb=0.1, step=3, settings=SETTINGS)
