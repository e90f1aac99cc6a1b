# SPDX-License-Identifier: Apache-2.0
"""The projector and what is asked of it: terms of a batch, or shares that add up to those of all batches."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from leadline.losses.lejepa import lejepa
from leadline.losses.sigreg import SigregSettings
from leadline.recipes.jepa.judge import Judge, together
from leadline.recipes.jepa.looks import Look, look_at
from tests.recipes.jepa.toy import START, doubled, toy_batch, toy_config, toy_recipe, views_in


def looks_at(*rows: int) -> tuple[Judge, list[Look]]:
    recipe = toy_recipe(accumulate=2, variance_weight=1.0).double().eval()
    assert recipe.judge is not None
    stacks = views_in(doubled(toy_batch(*rows))).stacks
    return recipe.judge, [look_at(one, 0, model=recipe.trained, projector=recipe.judge.projector) for one in stacks]


def test_judge__builds_the_projector_that_the_flags_describe() -> None:
    judge = Judge(toy_config(proj_layers=2, proj_output_norm=True, proj_norm="batch"), width=32)
    assert [tuple(one.shape) for one in judge.projector.parameters() if one.ndim == 2] == [(8, 32), (6, 8)]
    config = judge.projector.config
    assert (config.hidden_norm, config.output_norm, config.dim) == ("batch", True, 6)


def test_judge__without_a_survey_gives_the_terms_of_its_batch() -> None:
    judge, looks = looks_at(0, 1, 2, 3)
    embeddings = together(looks)
    assert embeddings.shape == (4, 4, 6)
    terms = judge.terms(looks, 2, START, None)
    expected = lejepa(embeddings, n_global=2, lamb=0.05, step=START.step, settings=SigregSettings(slices=16))
    torch.testing.assert_close(terms["SIGReg"], expected.sigreg)
    torch.testing.assert_close(terms["Invariance"], expected.invariance)
    assert set(terms) == {"Invariance", "SIGReg", "Variance"}


def test_judge__shares_of_a_surveyed_update_add_up_to_the_terms_of_all() -> None:
    judge, whole = looks_at(0, 1, 2, 3)
    halves = [looks_at(0, 1)[1], looks_at(2, 3)[1]]
    surveyed = judge.survey([together(half).detach() for half in halves], START)
    assert (surveyed.batches, surveyed.sums.count.item()) == (2, 4)
    shares = [judge.terms(half, 2, START, surveyed) for half in halves]
    terms = judge.terms(whole, 2, START, None)
    for name in ("Invariance", "SIGReg"):
        torch.testing.assert_close(shares[0][name] + shares[1][name], terms[name])
    by_themselves = [judge.terms(half, 2, START, None)["Variance"] for half in halves]
    torch.testing.assert_close(shares[0]["Variance"] + shares[1]["Variance"], sum(by_themselves) / 2)


def test_judge__an_embedding_that_is_not_finite_makes_the_loss_say_so() -> None:
    judge, looks = looks_at(0, 1)
    assert looks[0].embeddings is not None
    looks[0].embeddings.data[0, 0, 0] = torch.nan
    terms = judge.terms(looks, 2, START, None)
    assert float(terms["SIGReg"].detach()) != pytest.approx(0)
    assert not bool(terms["SIGReg"].isfinite())


def test_judge__a_single_picture_left_at_the_end_of_an_epoch_is_not_pulled_to_the_origin() -> None:
    judge, looks = looks_at(0)
    terms = judge.terms(looks, 2, START, None)
    assert float(terms["SIGReg"].detach()) == 0
    assert float(terms["Invariance"].detach()) > 0
    two_ranks = replace(START, sum_across=lambda value: 2 * value)
    assert float(judge.terms(looks, 2, two_ranks, None)["SIGReg"].detach()) > 0
