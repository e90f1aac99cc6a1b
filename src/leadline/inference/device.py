# SPDX-License-Identifier: Apache-2.0
"""Where and how precisely to compute: what the user asked for enters, a device and a number type that exist here leave."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, get_args

import torch

from leadline.contracts.errors import UsageError

Precision = Literal["auto", "fp32", "bf16"]


def choose_device(name: str) -> torch.device:
    """The device for ``name``; "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        UsageError: another name, or no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if re.fullmatch(r"cpu|cuda(:\d+)?|mps", name, re.ASCII) is None:
        raise UsageError(
            expected="auto, cpu, cuda, cuda:N or mps",
            got=repr(name),
            remedy="use auto, which takes a GPU where there is one",
        )
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts where it was built without CUDA
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(
            expected="a device of this machine", got=f"{name!r} ({first_line})", remedy="use auto or cpu"
        ) from error
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The number type of the network's arithmetic: bfloat16 (autocast) or float32.

    "auto" takes bfloat16 where the hardware multiplies it, because elsewhere it is emulated and slower than float32.

    Raises:
        UsageError: not one of auto, fp32, bf16.
    """
    if name not in get_args(Precision):
        raise UsageError(expected=f"a precision of {', '.join(get_args(Precision))}", got=repr(name), remedy="use auto")
    if name == "auto":
        return torch.bfloat16 if multiplies_bf16(device) else torch.float32
    return torch.bfloat16 if name == "bf16" else torch.float32


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the device has bfloat16 units."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def arithmetic(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[Any]:
    """The context in which a network computes: autocast for bfloat16, and for float32 no silent rounding."""
    if dtype is torch.bfloat16:
        return torch.autocast(device.type, dtype=torch.bfloat16)
    if device.type == "cuda":  # cuDNN rounds float32 convolutions to TF32 unless told not to
        return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    return nullcontext()
