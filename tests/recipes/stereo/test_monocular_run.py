# SPDX-License-Identifier: Apache-2.0
"""Whole runs from frames, small: to the end, cut off and gone on with, dry."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import leadline
from leadline.contracts.depth_map import DepthKind
from leadline.models.stereo.checkpoint import load_network
from leadline.recipes.stereo.config import StereoConfig
from leadline.recipes.stereo.methods import train_by_method
from leadline.recipes.supervised.run import Start
from leadline.training.display import SilentDisplay
from tests.recipes.stereo.toy import run_config

START = Start(sources={}, display=SilentDisplay())


def config_of(folder: Path, **changes: Any) -> StereoConfig:
    settings: dict[str, Any] = {
        "method": "monodepth2",
        "num_epochs": 2,
        "encoder": "swin-toy",
        "base_stride": 2,
        "pose_encoder": "test_resnet",
    }
    return run_config(folder, **settings | changes)


@pytest.mark.parametrize(("sources", "kind"), [("frames", DepthKind.SCALE_INVARIANT), ("both", DepthKind.METRIC)])
def test_train_monocular__leaves_a_network_that_knows_what_it_claims(tmp_path: Path, sources: str, kind: DepthKind) -> None:
    config = config_of(tmp_path, sources=sources)
    report = train_by_method(config, START)
    assert report is not None
    assert "delta1" in report.result.metrics
    lines = [json.loads(line) for line in (config.save_dir / "metrics.jsonl").read_text().splitlines()]
    told = {tag for line in lines for tag in line}
    assert {"Train/EpochPhotometric", "Train/EpochInforming", "Train/LearningRate/pose", "Val/Loss", "Val/ABS_REL"} <= told
    network = load_network(config.save_dir)
    assert (network.config.decoder, network.config.rig is None) == ("sigmoid", sources == "frames")
    depth = leadline.load(config.save_dir, device="cpu", precision="fp32").predict(torch.zeros(70, 90, 3).byte().numpy())
    assert (depth.kind, depth.values.shape) == (kind, (70, 90))


def test_train_monocular__goes_on_bit_for_bit_wherever_it_was_cut(tmp_path: Path) -> None:
    whole, part = (config_of(tmp_path / name, validate=False) for name in ("whole", "part"))
    train_by_method(whole, START)
    train_by_method(dataclasses.replace(part, num_epochs=1), START)
    train_by_method(part, dataclasses.replace(START, checkpoint="latest"))
    one, other = ((one.save_dir / "checkpoint_latest" / "model.safetensors").read_bytes() for one in (whole, part))
    assert one == other


def test_dry_run__tells_what_is_trained_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = config_of(tmp_path, dry_run=True, pose_pretrained=True, pose_encoder="resnet18")
    assert train_by_method(config, START) is None
    told = capsys.readouterr().out
    assert 'method = "monodepth2"' in told
    assert "| pose | 68 | 12,498,950 |" in told
    assert not config.save_dir.exists()
