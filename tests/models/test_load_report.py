# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.load_report import LoadReport, check_encoder_filled, copy_fitting

HERE = Path("w.pth")


def toy() -> DepthModel:
    return DepthModel(DepthModelConfig(encoder="dinov2-toy"))


def test_load_report__counts_and_names_the_first_misfits_with_both_shapes() -> None:
    report = LoadReport(loaded=("a",), missing=("b", "c", "d", "e"), unexpected=(), mismatched={"f": "(1,), not (2,)"})
    assert str(report) == "1 loaded, 4 missing (b, c, d, ...), 0 unexpected, 1 mismatched (f (1,), not (2,))"


def test_copy_fitting__copies_what_fits_and_reports_both_shapes_of_the_rest() -> None:
    model = toy()
    tensors = {
        "encoder.cls_token": torch.full((1, 1, 32), 7.0),
        "decoder.projects.0.bias": torch.ones(3),
        "x": torch.ones(1),
    }
    report = copy_fitting(model, tensors, HERE)
    assert report.loaded == ("encoder.cls_token",)
    assert report.unexpected == ("x",)
    assert report.mismatched == {"decoder.projects.0.bias": "(3,), not (8,)"}
    assert model.state_dict()["encoder.cls_token"].unique().tolist() == [7.0]


def test_check_encoder_filled__refuses_a_mostly_random_encoder() -> None:
    model = toy()
    own = model.state_dict()
    encoder = [name for name in own if name.startswith("encoder.")]
    half = copy_fitting(model, {name: own[name] for name in encoder[: len(encoder) // 2]}, HERE)
    with pytest.raises(WeightsError, match=rf"at least half of the {len(encoder)} tensors.*missing"):
        check_encoder_filled(model, half, HERE)
    check_encoder_filled(model, copy_fitting(model, {name: own[name] for name in encoder[1:]}, HERE), HERE)
