# SPDX-License-Identifier: Apache-2.0
"""The sheet of views: every view, its depth below it, one scale."""

from __future__ import annotations

import dataclasses

import numpy as np

from leadline.rasters.images import picture_from_tensor
from leadline.recipes.jepa.pictures import pictured_views
from tests.recipes.jepa.toy import toy_batch, views_in

PAD = 8


def test_pictured_views__shows_each_view_above_its_depth() -> None:
    views = views_in(toy_batch(v_global=2, v_local=3))
    sheet = pictured_views(views, 1)
    assert sheet.shape == (2 * 28 + 2 * 14 + 5 * PAD, 2 * 42 + 28 + 4 * PAD, 3)
    first = picture_from_tensor(views.stacks[0].image[0, 1])
    assert np.array_equal(sheet[PAD : PAD + 28, PAD : PAD + 42], first)
    assert views.stacks[0].valid is not None
    unknown = ~views.stacks[0].valid[0, 1].numpy()
    below = sheet[2 * PAD + 28 : 2 * PAD + 56, PAD : PAD + 42]
    assert bool((below[unknown] == 128).all())
    assert not bool((below[~unknown] == 128).all(axis=-1).any())


def test_pictured_views__without_depth_shows_the_views_alone() -> None:
    views = views_in(toy_batch())
    stacks = tuple(dataclasses.replace(stack, depth=None, valid=None) for stack in views.stacks)
    sheet = pictured_views(dataclasses.replace(views, stacks=stacks), 0)
    assert sheet.shape[0] == 28 + 14 + 3 * PAD
