# SPDX-License-Identifier: Apache-2.0
import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from leadline.contracts.errors import UsageError, WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import SigmoidHeadConfig
from leadline.recipes.supervised.first_weights import give_first_weights, wake


def toy_model(seed: int) -> DepthModel:
    torch.manual_seed(seed)
    return DepthModel(DepthModelConfig(encoder="dinov2-toy"))


def test_give_first_weights__copies_what_the_checkpoint_has_and_reports_the_rest(tmp_path: Path) -> None:
    tensors = {name: value.contiguous() for name, value in toy_model(1).state_dict().items()}
    lacking = "decoder.resize_layers.3.weight"
    save_file({name: value for name, value in tensors.items() if name != lacking}, tmp_path / "w.safetensors")
    model = toy_model(2)
    before = model.state_dict()[lacking].clone()
    report = give_first_weights(model, str(tmp_path / "w.safetensors"), "auto", unfreeze="--learn all")
    assert report is not None
    assert report.missing == (lacking,)
    found = model.state_dict()
    assert torch.equal(found[lacking], before)
    assert all(torch.equal(found[name], value) for name, value in tensors.items() if name != lacking)


def test_give_first_weights__without_a_checkpoint_says_so_and_only_wakes_the_model(caplog: pytest.LogCaptureFixture) -> None:
    model, same = toy_model(1), toy_model(1)
    with caplog.at_level(logging.WARNING):
        assert give_first_weights(model, "", "auto", unfreeze="--learn all") is None
    assert "random weights" in caplog.text
    wake(same)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), same.state_dict().values(), strict=True))


def test_give_first_weights__a_frozen_encoder_needs_weights_and_the_flag_that_would_free_it_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = toy_model(1)
    model.freeze_encoder()
    with pytest.raises(UsageError, match="--pretrained-checkpoint, or --learn all"):
        give_first_weights(model, "", "auto", unfreeze="--learn all")
    assert not caplog.messages  # what is refused is not announced


def test_give_first_weights__a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pth"):
        give_first_weights(toy_model(1), str(tmp_path / "none.pth"), "v2", unfreeze="--learn all")


def test_give_first_weights__of_the_encoder_alone_leave_the_decoder_as_it_was(tmp_path: Path) -> None:
    tensors = {name: value.contiguous() for name, value in toy_model(1).state_dict().items()}
    save_file(tensors, tmp_path / "w.safetensors")
    model = toy_model(2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    give_first_weights(model, str(tmp_path / "w.safetensors"), "auto", unfreeze="--learn all", part="encoder")
    before["decoder.scratch.output_conv2.2.bias"].fill_(1.0)  # see wake
    for name, value in model.state_dict().items():
        assert torch.equal(value, tensors[name] if name.startswith("encoder.") else before[name]), name


@pytest.mark.parametrize("seed", range(6))
def test_give_first_weights__a_random_disparity_begins_alive_whatever_the_seed(seed: int) -> None:
    torch.manual_seed(seed)
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy"))
    give_first_weights(model, "", "auto", unfreeze="--train-encoder")
    said = model(torch.rand(1, 3, 28, 28))
    assert (said > 0).all()
    said.sum().backward()
    assert model.get_parameter("decoder.scratch.output_conv2.2.bias").grad


def test_wake__lifts_the_upsampling_decoder_as_well() -> None:
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy", decoder="upsample"))
    wake(model)
    assert model.get_parameter("decoder.head.2.bias").tolist() == [1.0]


def test_wake__leaves_models_of_metres_alone() -> None:
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy", head=SigmoidHeadConfig()))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    wake(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
