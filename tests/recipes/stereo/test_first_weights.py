# SPDX-License-Identifier: Apache-2.0
"""What a training begins with."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import UsageError, WeightsError
from leadline.models.stereo.checkpoint import save_stereo_model
from leadline.models.stereo.stereo_model import StereoModel
from leadline.recipes.stereo.first_weights import give_first_weights
from tests.recipes.stereo.toy import toy_config


def saved(folder: Path) -> StereoModel:
    torch.manual_seed(1)
    model = StereoModel(toy_config().network())
    save_stereo_model(folder, model)
    return model


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("part", ["all", "encoder"])
def test_first_weights__of_a_stereo_network_are_taken_whole_or_as_an_encoder(tmp_path: Path, part: str) -> None:
    other = saved(tmp_path)
    config = toy_config(pretrained_checkpoint=str(tmp_path), init=part)
    model = StereoModel(config.network())
    give_first_weights(config, model)
    assert same(model.pyramid, other.pyramid)
    assert same(model.decoder, other.decoder) == (part == "all")


def test_first_weights__a_narrower_decoder_keeps_what_does_not_fit_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved(tmp_path)
    config = toy_config(pretrained_checkpoint=str(tmp_path), decoder_channels=(8, 8, 8, 8))
    with caplog.at_level(logging.INFO):
        give_first_weights(config, StereoModel(config.network()))
    assert any("stay random" in message for message in caplog.messages)


def test_first_weights__none_are_said_once_and_refused_for_a_resting_trunk(caplog: pytest.LogCaptureFixture) -> None:
    config = toy_config()
    give_first_weights(config, StereoModel(config.network()))
    assert any("random weights" in message for message in caplog.messages)
    resting = toy_config(backbone="frozen")
    with pytest.raises(UsageError, match="or --backbone full"):
        give_first_weights(resting, StereoModel(resting.network()))


def test_first_weights__a_missing_file_is_one_line(tmp_path: Path) -> None:
    config = toy_config(pretrained_checkpoint=str(tmp_path / "nowhere.pth"))
    with pytest.raises(WeightsError) as refusal:
        give_first_weights(config, StereoModel(config.network()))
    assert "\n" not in str(refusal.value)


def test_first_weights__of_the_released_form_count_the_shares_of_levels_as_much(tmp_path: Path) -> None:
    config = toy_config(pretrained_checkpoint=str(tmp_path))
    released = StereoModel(dataclasses.replace(config.network(), parity=True)).eval()
    save_stereo_model(tmp_path, released)
    model = StereoModel(config.network()).eval()
    give_first_weights(config, model)
    theirs, ours = (one.get_parameter("decoder.matching.1.fuse.0.weight") for one in (released, model))
    levels = config.levels
    assert torch.equal(theirs[:, :-levels], ours[:, :-levels])
    assert torch.allclose(theirs[:, -levels:], levels * ours[:, -levels:])
