# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
import torch

from leadline.recipes.staged.words import TeachersWords
from tests.recipes.staged.toy import disparity_batch, pictures_batch, toy_model


def test_teachers_words__from_disk_are_the_batch_s_own() -> None:
    batch = disparity_batch()
    said, known = TeachersWords(None)(batch)
    assert batch.valid is not None
    assert torch.equal(known, batch.valid)
    torch.testing.assert_close(said, batch.depth, equal_nan=True)


def test_teachers_words__of_pictures_alone_are_what_the_teacher_says_of_them_as_they_are() -> None:
    teacher, batch = toy_model(2), pictures_batch()
    said, known = TeachersWords(toy_model(2))(batch)
    with torch.no_grad():
        torch.testing.assert_close(said, teacher(teacher.normalisation.apply(batch.image)))
    assert known.all()
    assert not said.requires_grad


def test_teachers_words__hybrid_ones_keep_labels_and_ask_only_about_pictures_without() -> None:
    batch, teacher = disparity_batch(3), toy_model(2)
    assert batch.valid is not None
    lacking = dataclasses.replace(batch, valid=batch.valid & torch.tensor([True, False, True])[:, None, None])
    said, known = TeachersWords(toy_model(2))(lacking)
    torch.testing.assert_close(said[[0, 2]], batch.depth[[0, 2]], equal_nan=True)  # type: ignore[index]
    assert torch.equal(known[[0, 2]], batch.valid[[0, 2]])
    with torch.no_grad():
        torch.testing.assert_close(said[1], teacher(teacher.normalisation.apply(batch.image))[1], rtol=2e-3, atol=1e-2)
    assert known[1].all()


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_teachers_words__one_value_everywhere_says_nothing_and_spares_the_other_pictures(value: float) -> None:
    batch = disparity_batch(2)
    assert batch.depth is not None
    depth = batch.depth.clone()
    depth[0] = torch.where(torch.isnan(depth[0]), torch.nan, value * (1 + 1e-8))
    _, known = TeachersWords(None)(dataclasses.replace(batch, depth=depth))
    assert not known[0].any()
    assert torch.equal(known[1], batch.valid[1])  # type: ignore[index]
