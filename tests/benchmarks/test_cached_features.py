# SPDX-License-Identifier: Apache-2.0
import torch

from leadline.benchmarks import cached_features
from leadline.benchmarks.cached_features import RemembersFeatures, measure
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel


def test_remembers_features__says_what_the_model_says() -> None:
    torch.manual_seed(0)
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy")).eval()
    image = torch.randn(2, 3, 28, 42)
    with torch.no_grad():
        torch.testing.assert_close(RemembersFeatures(model)(image), model(image), atol=1e-5, rtol=1e-5)


def test_measure__reports_ratio_agreement_and_memory_for_each_side() -> None:
    report = measure(BenchmarkSettings(device="cpu", sides_px=(56,), batch_size=1, rounds=2, least_s=0.0))
    ratio, gap, kept = report.rows
    assert ratio.unit == "x"
    assert ratio.expected == f"at least {cached_features.GOAL:g}"
    assert 0 <= gap.value < 1
    assert kept.value * 2**20 in {4 * 17 * 384 * 4, 4 * 17 * 384 * 2}  # 16 patches and a class token of four maps
