# SPDX-License-Identifier: Apache-2.0
"""Where and how precisely to compute."""

from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.inference.device import arithmetic, choose_device, choose_precision, multiplies_bf16

CPU = torch.device("cpu")


def available(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_choose_device__auto_prefers_cuda_then_mps(
    monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool, expected: str
) -> None:
    available(monkeypatch, cuda=cuda, mps=mps)
    assert choose_device("auto").type == expected


@pytest.mark.parametrize("name", ["abacus", "cuda:99", "cpu0"])
def test_choose_device__refuses_what_is_not_there_on_one_line(name: str) -> None:
    with pytest.raises(UsageError, match=name) as refusal:
        choose_device(name)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:-1", "meta", "CPU", ""])
def test_choose_device__names_the_devices_there_can_be_not_torchs(name: str) -> None:
    with pytest.raises(UsageError) as refusal:
        choose_device(name)
    assert (refusal.value.expected, refusal.value.got) == ("auto, cpu, cuda, cuda:N or mps", repr(name))


@pytest.mark.parametrize(("name", "kind", "index"), [("cuda:1", "cuda", 1), ("mps", "mps", None), ("cpu", "cpu", None)])
def test_choose_device__takes_the_named_one(
    monkeypatch: pytest.MonkeyPatch, name: str, kind: str, index: int | None
) -> None:
    available(monkeypatch, cuda=True, mps=True)
    assert (choose_device(name).type, choose_device(name).index) == (kind, index)


def test_choose_precision__auto_follows_the_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert choose_precision("auto", CPU) is torch.bfloat16
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    assert choose_precision("auto", CPU) is torch.bfloat16
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    assert choose_precision("auto", CPU) is torch.float32


def test_choose_precision__named_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert choose_precision("fp32", CPU) is torch.float32
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert choose_precision("bf16", CPU) is torch.bfloat16


def test_choose_precision__refuses_unknown_names() -> None:
    with pytest.raises(UsageError, match="fp64"):
        choose_precision("fp64", CPU)


def test_multiplies_bf16__is_not_assumed_of_unknown_devices() -> None:
    assert not multiplies_bf16(torch.device("mps"))


def test_arithmetic__is_autocast_for_bf16_and_exact_for_fp32() -> None:
    one = torch.ones(2, 2)
    with arithmetic(CPU, torch.bfloat16):
        assert (one @ one).dtype is torch.bfloat16
    with arithmetic(CPU, torch.float32):
        assert (one @ one).dtype is torch.float32


def test_arithmetic__allows_no_tf32_on_a_gpu() -> None:
    before = torch.backends.cudnn.allow_tf32
    with arithmetic(torch.device("cuda"), torch.float32):
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before
