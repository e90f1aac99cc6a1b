# SPDX-License-Identifier: Apache-2.0
"""Random numbers that survive an interruption: (seed, rank, position) enters, the state of every generator leaves."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import torch
from torch import Tensor


def seed_from(*parts: int | str) -> int:
    """A 63-bit seed that differs wherever any part differs.

    >>> seed_from(0, "batch", 1) != seed_from(0, "batch", 2)
    True
    """
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def seed_all(seed: int, device: torch.device) -> None:
    """Set torch (CPU and ``device``), numpy and Python.

    The engine does so before every batch from (seed, rank, position of the batch).  What a loader, a validation or a picture
    drew in between then changes nothing, and a resumed or distributed run needs no generator state of another process.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def captured(device: torch.device) -> dict[str, Tensor]:
    """The states of all generators as one-dimensional tensors on the CPU, for ``restore``; their numbers have no unit."""
    legacy = np.random.get_state(legacy=False)
    _, internal, next_gauss = random.getstate()
    states = {
        "torch": torch.get_rng_state(),
        "numpy.key": torch.from_numpy(legacy["state"]["key"].astype(np.int64)),
        "numpy.rest": torch.tensor([legacy["state"]["pos"], legacy["has_gauss"], legacy["gauss"]], dtype=torch.float64),
        "python.internal": torch.tensor(internal, dtype=torch.int64),
        "python.gauss": torch.tensor([] if next_gauss is None else [next_gauss], dtype=torch.float64),
    }
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore(states: dict[str, Tensor], device: torch.device) -> None:
    """Put back the one-dimensional tensors ``captured`` made.  A state of another kind of device is skipped."""
    torch.set_rng_state(states["torch"])
    position, has_gauss, gauss = states["numpy.rest"].tolist()
    key = states["numpy.key"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", key, int(position), int(has_gauss), gauss))
    next_gauss = states["python.gauss"].tolist()
    random.setstate((3, tuple(states["python.internal"].tolist()), next_gauss[0] if next_gauss else None))
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type == "mps" and "mps" in states:
        torch.mps.set_rng_state(states["mps"])
