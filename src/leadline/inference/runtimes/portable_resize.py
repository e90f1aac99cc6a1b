# SPDX-License-Identifier: Apache-2.0
"""While a network is traced: averaging cubic resizes enter, matrix products that every runtime computes alike leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode

_SHARPNESS = -0.5  # of PyTorch's cubic kernel where it averages; where it does not, -0.75
_REACH = 2.0  # of the kernel, in pixels of the coarser grid


class PortableResizes(TorchFunctionMode):
    """Within ``with``, ``interpolate`` to a size, bicubic with antialiasing, is done by ``averaging_cubic``.

    timm resizes position embeddings so.  ONNX has words for it, but OpenVINO 2026.4 leaves the averaging out, and with it
    the kernel: up to 2 % of a map's range.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """As torch asks of a mode: compute what ``func`` would of its arguments."""
        given = dict(kwargs or {})
        if func is F.interpolate and given.get("mode") == "bicubic" and given.get("antialias"):
            size = given.get("size")
            if isinstance(size, tuple | list) and not given.get("align_corners"):
                return averaging_cubic(args[0] if args else given["input"], (size[0], size[1]))
        return func(*args, **given)


def averaging_cubic(values_BCHW: Tensor, size: tuple[int, int]) -> Tensor:
    """``interpolate(mode="bicubic", antialias=True)`` as two matrix products.  (B,C,H,W) -> (B,C,*size), same unit."""
    down = _weights(values_BCHW.shape[2], size[0], like=values_BCHW)
    across = _weights(values_BCHW.shape[3], size[1], like=values_BCHW)
    return down @ values_BCHW @ across.transpose(0, 1)


def _weights(before: int, after: int, *, like: Tensor) -> Tensor:
    """(after, before): what each new pixel takes of each old one, in sum 1 (Keys 1981, widened where pixels are fewer)."""
    targets = torch.arange(after, device=like.device).to(like.dtype)
    sources = torch.arange(before, device=like.device).to(like.dtype)
    scale = before / torch.full((), after, device=like.device).to(like.dtype)
    widened = scale.clamp(min=1.0)
    distance = ((sources + 0.5) - ((targets + 0.5) * scale)[:, None]).abs() / widened
    near = ((_SHARPNESS + 2) * distance - (_SHARPNESS + 3)) * distance * distance + 1
    far = ((distance - 5) * distance + 8) * distance * _SHARPNESS - 4 * _SHARPNESS
    taken = torch.where(distance < 1, near, torch.where(distance < _REACH, far, torch.zeros_like(far)))
    return taken / taken.sum(dim=1, keepdim=True)
