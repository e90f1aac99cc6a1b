# SPDX-License-Identifier: Apache-2.0
"""A size enters; how much faster a decoder learns when its frozen encoder is asked once per picture leaves.

Both train the decoder of ViT-S on pictures that come again, with the engine's update; one passes the encoder each time, the
other reads what it kept.  By operations at 518x518 (encoder 93, decoder 22 GFLOP forward, the decoder's backward twice that)
it is (93 + 66) / 66 = 2.4 times at best.  Expected: at least 1.8 times, for the decoder is slower than its operations say.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leadline.benchmarks.contenders import EngineLoop, default_batch_size, loss_curve, make_batches
from leadline.benchmarks.machine import this_machine
from leadline.benchmarks.measurement import compare
from leadline.benchmarks.report import Report, Row, ratio_row
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.feature_cache import FeatureCache
from leadline.models.head_config import SigmoidHeadConfig
from leadline.training.placement import choose_placement
from leadline.training.settings import EngineSettings

GOAL = 1.8
SIDES_PX = (252, 518)
_CURVE_PASSES = 3
_MIB = 2**20


class RemembersFeatures(nn.Module):
    """A model behind its feature cache."""

    def __init__(self, model: DepthModel) -> None:
        super().__init__()
        self.model = model
        self.cache = FeatureCache(model)

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Normalised (B,3,H,W) -> (B,H,W) metres."""
        H, W = image_B3HW.shape[-2:]
        return self.model.decode(self.cache(image_B3HW), (H, W))


def measure(settings: BenchmarkSettings) -> Report:
    """Run the benchmark.

    Raises:
        UsageError: the device does not exist here.
    """
    placement = choose_placement(EngineSettings(device=settings.device))
    batch_size = settings.batch_size or default_batch_size(placement.device)
    rows: list[Row] = []
    raw: dict[str, object] = {}
    for side in settings.sides_px or SIDES_PX:
        torch.manual_seed(0)
        model = DepthModel(DepthModelConfig(encoder="vits", head=SigmoidHeadConfig()))
        model.freeze_encoder()
        batches = make_batches(2, side_px=side, batch_size=batch_size, device=placement.device)
        plain, cached = EngineLoop(model, placement), EngineLoop(RemembersFeatures(model), placement)
        curves = [loss_curve(contender, batches * _CURVE_PASSES) for contender in (plain, cached)]
        gap = max(abs(a - b) / abs(a) for a, b in zip(*curves, strict=True))
        found = compare(
            ours=lambda batch=batches[0], contender=cached: contender.step(batch),  # type: ignore[misc]
            peer=lambda batch=batches[0], contender=plain: contender.step(batch),  # type: ignore[misc]
            rounds=settings.rounds,
            least_s=settings.least_s,
        )
        kept = sum(one.kept_bytes for one in _caches(cached.network)) / len(batches) / batch_size
        rows += [
            ratio_row(f"decoder's training step, ViT-S, {side}x{side}", found, at_least=GOAL),
            Row(name="  loss curve, largest gap", value=100 * gap, unit="%", note=f"{len(curves[0])} steps"),
            Row(name="  kept per picture", value=kept / _MIB, unit="MiB"),
        ]
        raw[str(side)] = {"ours_s": found.ours_s, "peer_s": found.peer_s, "losses": curves}
    notes = (
        f"frozen encoder, the decoder learns; batch {batch_size}; {settings.rounds} rounds of without - with - without",
        "the first sight of each picture, which both pay, is left out",
    )
    return Report(name="cached-features", machine=this_machine().line(), rows=tuple(rows), notes=notes, raw=raw)


def _caches(network: nn.Module) -> list[FeatureCache]:
    return [one.cache for one in network.modules() if isinstance(one, RemembersFeatures)]
