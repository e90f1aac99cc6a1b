# SPDX-License-Identifier: Apache-2.0
"""What a student's features are drawn to: pictures and labels enter, tokens of a frozen network leave, compared as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import nn
from torch.nn import functional

from leadline.contracts.errors import UsageError
from leadline.losses.affine_invariant import standardised
from leadline.recipes.staged.frozen import Frozen

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.models.encoder import Encoder
    from leadline.models.features import Features


class Target(Protocol):
    """A frozen network's view of a batch."""

    channels: int
    """Width of its tokens."""
    of_label: bool
    """Whether it looks at labels, and has nothing to say of a picture without one."""

    def __call__(self, *, image: Tensor, label: Tensor, valid: Tensor) -> Tensor:
        """(B,3,H,W) RGB in [0, 1], (B,H,W) disparity and its mask -> tokens (B,C,h,w), without gradient or unit."""
        ...


class OnPicture:
    """The encoder that the student began as, on the picture ("dino-rgb", Depth Anything V1 sec. 3.4).

    Args:
        encoder: frozen here.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = Frozen(encoder)
        self.channels = encoder.layout.channels[-1]
        self.of_label = False

    def __call__(self, *, image: Tensor, label: Tensor, valid: Tensor) -> Tensor:  # noqa: ARG002
        """See ``Target``; the label is not looked at."""
        return _last_map(self._encoder.on(image.device), image)


class OnLabel:
    """The encoder that the student began as, on the label as a grey picture ("dino-on-depth").

    Args:
        encoder: frozen here.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = Frozen(encoder)
        self.channels = encoder.layout.channels[-1]
        self.of_label = True

    def __call__(self, *, image: Tensor, label: Tensor, valid: Tensor) -> Tensor:
        """See ``Target``; the picture is not looked at."""
        return _last_map(self._encoder.on(image.device), grey_picture(label=label, valid=valid))


def standard_map(*, label: Tensor, valid: Tensor) -> Tensor:
    """(B,H,W) disparity and mask -> (B,H,W) centred by the median, scaled by the mean deviation; 0 where unknown."""
    return torch.where(valid, standardised(torch.where(valid, label.float(), 0), valid), 0)


def grey_picture(*, label: Tensor, valid: Tensor) -> Tensor:
    """(B,H,W) disparity and mask -> (B,3,H,W) in [0, 1]: the range of each map's valid pixels, black elsewhere."""
    flat = standard_map(label=label, valid=valid)
    low = torch.where(valid, flat, torch.inf).amin(dim=(1, 2), keepdim=True)
    high = torch.where(valid, flat, -torch.inf).amax(dim=(1, 2), keepdim=True)
    grey = torch.where(valid, (flat - low) / (high - low).clamp(min=1e-6), 0)
    return grey[:, None].expand(-1, 3, -1, -1).contiguous()


def _last_map(encoder: Encoder, image: Tensor) -> Tensor:
    with torch.no_grad():
        features: Features = encoder(encoder.layout.normalisation.apply(image))
    return features.maps[-1]


class Projection(nn.Module):
    """Where widths differ, a linear map on the student's side; where they agree, nothing   (author, V1 issue 224).

    Args:
        width: of the student's tokens.
        wanted: of the target's.
    """

    def __init__(self, width: int, wanted: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, wanted, bias=False) if width != wanted else None

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,C,h,w) -> (B,D,h,w), no unit."""
        return tokens if self.linear is None else functional.conv2d(tokens, self.linear.weight[:, :, None, None])


def require_same_grid(student: Tensor, target: Tensor) -> None:
    """Refuse tokens (B,C,h,w) that do not lie over one another.

    Raises:
        UsageError: the grids differ, as of encoders with other patches.
    """
    if student.shape[-2:] != target.shape[-2:]:
        raise UsageError(
            expected=f"features of one grid to align, {tuple(target.shape[-2:])}",
            got=f"{tuple(student.shape[-2:])} of the student",
            remedy="choose a target with the student's patch size",
        )
