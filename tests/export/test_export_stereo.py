# SPDX-License-Identifier: Apache-2.0
"""One eye of a stereo network leaves as a file: the certificate holds, and metres and pixels arrive as what they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.export.export import ExportSettings, export
from leadline.inference.predictor import Predictor
from leadline.inference.runtimes.exported_predictor import ExportedPredictor
from leadline.inference.runtimes.sessions import RuntimeName
from leadline.models.stereo.config import StereoModelConfig, TrainingRig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.monocular import MonocularPath
from leadline.models.stereo.stereo_model import StereoModel
from tests.reference_photo import photo

RIG = TrainingRig(baseline_m=0.5, focal_px=100.0, width_px=128)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rig", "kind", "to", "name"),
    [(None, DepthKind.STEREO_DISPARITY, "onnx", "a.onnx"), (RIG, DepthKind.METRIC, "openvino", "a.xml")],
)
def test_export__one_eye_of_a_stereo_network_keeps_its_numbers_and_its_claim(
    rig: TrainingRig | None, kind: DepthKind, to: RuntimeName, name: str, tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime" if to == "onnx" else "openvino")
    torch.manual_seed(0)
    config = StereoModelConfig(
        pyramid=PyramidConfig(encoder="dinov2-toy"), decoder_channels=(8, 8, 8, 8), levels=9, input_size=(64, 96), rig=rig
    )
    model = Predictor(MonocularPath(StereoModel(config)).eval(), device="cpu", precision="fp32")
    exported = export(model, tmp_path / name, ExportSettings(to=to, size_px=(80, 130)))
    said = json.loads(exported.certificate.read_text())
    assert said["max_difference"] <= 1e-3
    assert said["graph"]["kind"] == kind.value
    assert said["graph"]["has_confidence"]
    opened = ExportedPredictor(tmp_path / name, to, "fp32")
    got, expected = opened.predict(photo(80, 130, 1)), model.predict(photo(80, 130, 1))
    assert got.kind is kind
    np.testing.assert_allclose(got.values, expected.values, atol=1e-3 * float(np.ptp(expected.values)))
