# SPDX-License-Identifier: Apache-2.0
"""Device, precision and determinism."""

from __future__ import annotations

import pytest
import torch

from leadline.contracts.camera import Camera
from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Batch
from leadline.inference import device as inference_device
from leadline.training.placement import Placement, choose_placement, moved, repeatable
from leadline.training.settings import EngineSettings

CPU = torch.device("cpu")


@pytest.mark.parametrize(("amp", "units", "dtype"), [("auto", 1, 1), ("auto", 0, 0), ("off", 1, 0)])
def test_precision__is_bf16_where_there_are_units_and_it_is_not_off(
    monkeypatch: pytest.MonkeyPatch, amp: str, units: int, dtype: int
) -> None:
    monkeypatch.setattr(inference_device, "multiplies_bf16", lambda _: bool(units))
    chosen = choose_placement(EngineSettings(device="cpu", amp=amp))  # type: ignore[arg-type]
    assert chosen == Placement(device=CPU, autocast_dtype=torch.bfloat16 if dtype else None)


def test_unknown_device__is_the_users_error() -> None:
    with pytest.raises(UsageError, match="quantum"):
        choose_placement(EngineSettings(device="quantum"))


def test_autocast__computes_in_its_type_only_inside() -> None:
    weight = torch.ones(4, 4)
    with Placement(device=CPU, autocast_dtype=torch.bfloat16).autocast():
        assert (weight @ weight).dtype == torch.bfloat16
    with Placement(device=CPU).autocast():
        assert (weight @ weight).dtype == torch.float32


def test_moved__reaches_every_tensor_and_keeps_the_rest() -> None:
    batch = Batch(
        keys=("a",), datasets=("toy",), image=torch.zeros(1, 3, 2, 2), camera=Camera(matrix=torch.eye(3)[None]), depth=None
    )
    there = moved(batch, torch.device("meta"))
    assert (there.image.device.type, there.keys, there.depth) == ("meta", ("a",), None)
    assert there.camera is not None
    assert there.camera.matrix.device.type == "meta"


def test_moved__copies_nothing_that_is_there_already() -> None:
    batch = Batch(keys=("a",), datasets=("toy",), image=torch.zeros(1, 3, 2, 2))
    assert moved(batch, CPU).image is batch.image


def test_repeatable__always_on_the_cpu_and_undone_afterwards() -> None:
    assert not torch.are_deterministic_algorithms_enabled()
    with repeatable(EngineSettings(), CPU):
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_repeatable__on_an_accelerator_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    cuda = torch.device("cuda")
    with repeatable(EngineSettings(), cuda):
        assert not torch.are_deterministic_algorithms_enabled()
    with repeatable(EngineSettings(deterministic=True), cuda):
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
