# SPDX-License-Identifier: Apache-2.0
"""One toy of every family of models, exported both ways: the certificate holds and ``leadline predict`` takes the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from leadline.cli.main import main
from leadline.export.export import ExportSettings, export
from leadline.inference.predictor import Predictor
from leadline.inference.runtimes.sessions import RuntimeName
from leadline.models.calibration import Calibration, CalibrationEvidence
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import MetricBinsHeadConfig, RoutedBinsHeadConfig
from tests.reference_photo import photo

FOUND = CalibrationEvidence(source="points.csv", pictures=1, points=9, nearest_m=1.0, median_m=2.0, farthest_m=9.0)
TOY = DepthModelConfig(encoder="dinov2-toy")
ROUTED = DepthModelConfig(encoder="beit-toy", head=RoutedBinsHeadConfig(compat=True), interpolation="bilinear")
CONFIGS = {
    "timm resnet": DepthModelConfig(encoder="timm:resnet10t"),
    "timm vit": DepthModelConfig(encoder="timm:vit_tiny_patch16_224"),
    "zoedepth": replace(ROUTED, head=MetricBinsHeadConfig(compat=True, bin_centers_type="normed")),
    "zoedepth routed": ROUTED,
    "calibrated": replace(
        TOY, calibration=Calibration(space="disparity", scale=0.02, shift=0.1, max_depth_m=80.0, evidence=FOUND)
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("to", ["onnx", "openvino"])
@pytest.mark.parametrize("family", CONFIGS)
def test_export__of_every_family_predicts_by_itself(family: str, to: RuntimeName, tmp_path: Path) -> None:
    for package in ("onnxscript", "onnxruntime", "openvino"):
        pytest.importorskip(package)
    torch.manual_seed(0)
    model = DepthModel(CONFIGS[family])
    with torch.no_grad():
        dict(model.named_parameters())["decoder.scratch.output_conv2.2.bias"].fill_(1.0)  # else a toy's map may be all zeros
    predictor = Predictor(model.eval(), device="cpu", precision="fp32", input_size=64)
    exported = export(predictor, tmp_path / ("a.onnx" if to == "onnx" else "a.xml"), ExportSettings(to=to))
    said = json.loads(exported.certificate.read_text())
    assert said["max_difference"] <= 1e-4
    assert said["graph"]["kind"] == model.kind.value
    picture = photo(60, 80, 1)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    asked = [str(exported.file), str(tmp_path / "photo.png"), "--out", str(tmp_path / "out"), "--precision", "fp32"]
    assert main(["predict", *asked]) == 0
    (got,) = (np.load(one) for one in (tmp_path / "out").glob("*.npy"))
    wanted = predictor.predict(picture).values
    np.testing.assert_allclose(got, wanted, atol=1e-4 * float(np.ptp(wanted)))


def test_traced_beit__is_the_same_network_at_every_size_and_batch() -> None:
    torch.manual_seed(0)
    model = DepthModel(ROUTED).eval().requires_grad_(requires_grad=False)
    rows, columns = (torch.export.Dim(name, min=1, max=64) for name in ("rows", "columns"))
    free = {0: torch.export.Dim("batch", min=1, max=8), 2: 32 * rows, 3: 32 * columns}

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = model.encoder

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            deepest: torch.Tensor = self.encoder(image).maps[3]
            return deepest

    with torch.no_grad():
        traced = torch.export.export(Encoder(), (torch.zeros(2, 3, 160, 192),), dynamic_shapes=(free,)).module()
        for size in ((1, 3, 64, 64), (3, 3, 32, 128)):
            image = torch.randn(size)
            torch.testing.assert_close(traced(image), Encoder()(image), atol=1e-5, rtol=1e-5)
