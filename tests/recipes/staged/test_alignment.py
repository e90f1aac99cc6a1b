# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.recipes.staged.alignment import OnLabel, OnPicture, Projection, grey_picture, require_same_grid, standard_map
from tests.recipes.staged.toy import H, W, disparity_batch, toy_model


def seen(target: OnLabel | OnPicture, **changes: torch.Tensor) -> torch.Tensor:
    batch = disparity_batch()
    assert batch.depth is not None
    assert batch.valid is not None
    return target(**{"image": batch.image, "label": batch.depth, "valid": batch.valid, **changes})


def test_target_on_pictures__depends_on_the_picture_alone_and_has_no_gradient() -> None:
    target = OnPicture(toy_model(1).encoder)
    assert torch.equal(seen(target), seen(target, label=torch.ones(2, H, W)))
    assert not torch.equal(seen(target), seen(target, image=torch.zeros(2, 3, H, W)))
    assert not seen(target, image=torch.rand(2, 3, H, W, requires_grad=True)).requires_grad
    assert not target.of_label


def test_target_on_labels__depends_on_the_label_alone_up_to_scale_and_shift_and_not_on_invalid_values() -> None:
    target, batch = OnLabel(toy_model(1).encoder), disparity_batch()
    assert batch.depth is not None
    assert batch.valid is not None
    before = seen(target)
    assert before.isfinite().all()
    assert torch.equal(before, seen(target, image=torch.zeros(2, 3, H, W)))
    assert torch.equal(before, seen(target, label=torch.where(batch.valid, batch.depth, 1e9)))
    torch.testing.assert_close(before, seen(target, label=batch.depth * 7 + 3), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(before, seen(target, label=batch.depth.flip(2), valid=batch.valid.flip(2)))
    assert target.of_label


def test_standard_map__is_centred_and_scaled_over_the_valid_pixels_and_0_elsewhere() -> None:
    label = torch.tensor([[[1.0, 2.0, 4.0, 8.0, torch.nan]]])
    found = standard_map(label=label, valid=label.isfinite())
    torch.testing.assert_close(found, torch.tensor([[[-1 / 2.25, 0.0, 2 / 2.25, 6 / 2.25, 0.0]]]))


@pytest.mark.parametrize("label", [torch.full((1, H, W), 5.0), torch.full((1, H, W), torch.nan)])
def test_grey_picture__of_one_value_or_of_nothing_is_black_not_nan(label: torch.Tensor) -> None:
    grey = grey_picture(label=label, valid=label.isfinite())
    assert grey.shape == (1, 3, H, W)
    assert (grey == 0).all()


def test_grey_picture__spans_black_to_white() -> None:
    label = torch.rand(2, H, W) * 30 + 7
    grey = grey_picture(label=label, valid=torch.ones(2, H, W, dtype=torch.bool))
    assert grey.amin(dim=(1, 2, 3)).tolist() == [0.0, 0.0]
    torch.testing.assert_close(grey.amax(dim=(1, 2, 3)), torch.ones(2))


def test_projection__is_nothing_where_widths_agree_and_linear_without_bias_where_not() -> None:
    tokens = torch.rand(2, 6, 2, 3)
    assert Projection(6, 6)(tokens) is tokens
    assert list(Projection(6, 6).parameters()) == []
    found = Projection(6, 4)
    assert found(tokens).shape == (2, 4, 2, 3)
    assert (found(torch.zeros(1, 6, 2, 3)) == 0).all()


def test_require_same_grid__refuses_tokens_that_do_not_lie_over_one_another() -> None:
    with pytest.raises(UsageError, match="patch size"):
        require_same_grid(torch.zeros(1, 4, 2, 3), torch.zeros(1, 4, 3, 3))
