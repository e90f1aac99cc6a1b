# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leadline.benchmarks.inference import CONTENDERS, Contender, agreement_row, count_flops, example, measure, speed_rows
from leadline.benchmarks.measurement import Comparison
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.contracts.errors import UsageError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel

BF16 = Contender(runtime="openvino", precision="bf16")


def test_agreement_row__judges_mean_and_99th_percentile_as_shares_of_the_range() -> None:
    expected = torch.linspace(1.0, 11.0, 1000).view(1, 20, 50)
    assert agreement_row(BF16, expected + 0.01, expected).met
    assert agreement_row(BF16, expected + 0.01, expected).value == pytest.approx(0.1, rel=1e-3)
    assert not agreement_row(BF16, expected + 0.03, expected).met
    few = expected.clone()
    few.view(-1)[:30] += 0.2
    assert not agreement_row(BF16, few, expected).met
    assert not agreement_row(Contender(runtime="torch", precision="fp32"), expected + 0.01, expected).met


def test_speed_rows__judge_only_what_auto_takes() -> None:
    comparison = Comparison(ours_s=(1.0, 1.0), peer_s=(4.5, 4.5, 4.5, 4.5))
    judged = {one.name: speed_rows(one, comparison, 10**9, 56)[0].met for one in CONTENDERS}
    assert judged == {
        "torch fp32": None,
        "onnx fp32": None,
        "openvino fp32": True,
        "torch bf16": None,
        "openvino bf16": True,
    }


def test_count_flops__grows_with_the_picture() -> None:
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy")).eval()
    assert count_flops(model, example(56)) > 2 * count_flops(model, example(28)) > 0


def test_measure__refuses_another_device() -> None:
    with pytest.raises(UsageError, match="--device cpu"):
        measure(BenchmarkSettings(device="cuda"))


@pytest.mark.slow
def test_measure__finds_agreement_and_a_ratio_for_each_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnxscript")
    monkeypatch.setenv("LEADLINE_CACHE", str(tmp_path))
    monkeypatch.setattr("leadline.benchmarks.folder.PICTURES", 2)
    report = measure(BenchmarkSettings(device="cpu", rounds=2, least_s=0.0, sides_px=(56,)))
    rows = {row.name.strip(): row for row in report.rows}
    assert rows["difference from the peer, openvino fp32"].met
    assert rows["one picture, 56x56, openvino bf16"].value > 0.1
