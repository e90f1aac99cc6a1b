# SPDX-License-Identifier: Apache-2.0
"""One toy of every family of models, exported both ways: the certificate holds and ``leadline predict`` takes the file."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import leadline.export.export as exporting
from leadline.cli.main import main
from leadline.contracts.errors import ContractError
from leadline.export.export import ExportSettings, export
from leadline.inference.predictor import Predictor
from leadline.inference.runtimes.sessions import RuntimeName
from leadline.inference.runtimes.traced_network import write_network
from leadline.models.calibration import Calibration, CalibrationEvidence
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import MetricBinsHeadConfig, RoutedBinsHeadConfig
from tests.reference_photo import photo

FOUND = CalibrationEvidence(source="points.csv", pictures=1, points=9, nearest_m=1.0, median_m=2.0, farthest_m=9.0)
TOY = DepthModelConfig(encoder="dinov2-toy")
ROUTED = DepthModelConfig(encoder="beit-toy", head=RoutedBinsHeadConfig(compat=True), interpolation="bilinear")
CONFIGS = {
    "timm resnet": DepthModelConfig(encoder="timm:test_resnet"),
    "timm vit": DepthModelConfig(encoder="timm:test_vit"),
    "zoedepth": replace(ROUTED, head=MetricBinsHeadConfig(compat=True, bin_centers_type="normed")),
    "zoedepth routed": ROUTED,
    "calibrated": replace(
        TOY, calibration=Calibration(space="disparity", scale=0.5, shift=0.01, max_depth_m=80.0, evidence=FOUND)
    ),
}
FORMATS: dict[RuntimeName, str] = {"onnx": "a.onnx", "openvino": "a.xml"}
# Tracing BEiT with its bins for any size takes most of a minute; that its encoder is traced for any is tested below, and
# every export is verified at several sizes before it leaves anything.
ONE_SIZE = {"zoedepth": (60, 80), "zoedepth routed": (60, 80)}
# Bins of weights as they are drawn say one depth everywhere, and a routed toy's head could be left out unnoticed; more than
# this, and the toy magnifies rounding a thousandfold.
READ_OUT = {"zoedepth": 2.0, "zoedepth routed": 2.0}


@pytest.fixture
def traced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first trace of a test serves its later exports too, of whatever model."""
    for package in ("onnxscript", "onnxruntime", "openvino"):
        pytest.importorskip(package)
    outputs: list[tuple[str, ...]] = []

    def write(model: DepthModel, file: Path, *, size_px: tuple[int, int] | None = None) -> tuple[str, ...]:
        if not outputs:
            outputs.append(write_network(model, tmp_path / "network.onnx", size_px=size_px))
        shutil.copy(tmp_path / "network.onnx", file)
        return outputs[0]

    monkeypatch.setattr(exporting, "write_network", write)


def untrained(config: DepthModelConfig, *, contrast: float = 1.0, read_out: float = 1.0) -> Predictor:
    """A random model; ``contrast`` and ``read_out`` enlarge its last weights, and all those after the encoder."""
    torch.manual_seed(0)
    model = DepthModel(config)
    with torch.no_grad():
        after = {name: value for name, value in model.named_parameters() if not name.startswith("encoder.")}
        for value in after.values():
            value.mul_(read_out if value.ndim > 1 else 1.0)
        after["decoder.scratch.output_conv2.2.bias"].fill_(1.0)  # else a toy's map may be all zeros
        after["decoder.scratch.output_conv2.2.weight"].mul_(contrast)
    return Predictor(model.eval(), device="cpu", precision="fp32", input_size=64)


@pytest.mark.slow
@pytest.mark.usefixtures("traced_once")
@pytest.mark.parametrize("family", CONFIGS)
def test_export__of_every_family_predicts_by_itself(family: str, tmp_path: Path) -> None:
    predictor = untrained(CONFIGS[family], read_out=READ_OUT.get(family, 1.0))
    picture = photo(60, 80, 1)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    wanted = predictor.predict(picture).values
    assert np.ptp(wanted) > 0.02 * wanted.max()
    for to, name in FORMATS.items():
        exported = export(predictor, tmp_path / name, ExportSettings(to=to, size_px=ONE_SIZE.get(family)))
        said = json.loads(exported.certificate.read_text())
        assert said["max_difference"] <= 1e-4
        assert said["graph"]["kind"] == predictor.kind.value
        out = tmp_path / f"out-{to}"
        asked = [str(exported.file), str(tmp_path / "photo.png"), "--out", str(out), "--precision", "fp32"]
        assert main(["predict", *asked]) == 0
        (got,) = (np.load(one) for one in out.glob("*.npy"))
        np.testing.assert_allclose(got, wanted, atol=1e-4 * float(np.ptp(wanted)), rtol=0)


@pytest.mark.slow
@pytest.mark.usefixtures("traced_once")
def test_export__of_a_flat_map_passes_and_that_of_another_flat_map_does_not(tmp_path: Path) -> None:
    predictor = untrained(TOY, contrast=1e-3)
    values = predictor.predict(photo(60, 80, 1)).values
    assert np.ptp(values) < 1e-4 * values.max()
    settings = ExportSettings(to="onnx", size_px=(60, 80))
    said = json.loads(export(predictor, tmp_path / "a.onnx", settings).certificate.read_text())
    assert max(check["max_difference_ulps"] for check in said["checks"]) <= said["tolerance"]["rounding_ulps"]
    colours = dict(predictor.model.named_parameters())["encoder.patch_embed.proj.weight"]
    with torch.no_grad():  # the file will take red for blue
        colours.copy_(colours.flip(1).clone())
    other = predictor.predict(photo(60, 80, 1)).values
    assert np.abs(other - values).max() < 1e-4 * values.max()  # nobody would see it in the numbers themselves
    with pytest.raises(ContractError, match="roundings of float32"):
        export(predictor, tmp_path / "b.onnx", settings)
    assert not (tmp_path / "b.onnx").exists()


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
