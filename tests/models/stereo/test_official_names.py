# SPDX-License-Identifier: Apache-2.0
import torch

from leadline.models.stereo.official_names import OFFICIAL_DECODER, decoder_name, is_official, official_decoder_name
from leadline.models.stereo.stereo_model import StereoModel
from tests.models.stereo.tio_fixture import TOY, stored


def own_names() -> set[str]:
    with torch.device("meta"):
        return {name for name in StereoModel(TOY).state_dict() if name.startswith("decoder.")}


def test_names__of_the_whole_decoder_go_there_and_back() -> None:
    theirs = {name: official_decoder_name(name) for name in own_names()}
    assert len(set(theirs.values())) == len(theirs)
    assert all(decoder_name(str(official)) == name for name, official in theirs.items())


def test_names__are_exactly_those_of_a_released_file() -> None:
    official = {
        OFFICIAL_DECODER + key.removeprefix("w._convs.") for key in stored("tio_decoder") if key.startswith("w._convs.")
    }
    counted = {name for name in own_names() if not name.endswith("num_batches_tracked")}  # the stored file is without them
    assert {official_decoder_name(name) for name in counted} == official


def test_names__of_others_are_left_alone() -> None:
    assert decoder_name("0.patch_embed.proj.weight") is None
    assert decoder_name("1._convs.25.conv.weight") is None
    assert official_decoder_name("pyramid.backbone.cls_token") is None
    assert not is_official(["0.weight", "1.weight"])
