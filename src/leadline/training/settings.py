# SPDX-License-Identifier: Apache-2.0
"""How long, how fast and how carefully to train: plain values enter, one checked frozen setting leaves.  Needs no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from leadline.contracts.errors import require

Schedule = Literal["step", "milestones", "warmup-cosine", "poly", "onecycle", "constant", "exponential", "linear"]
NoDecay = Literal["bias", "norm", "pos_embed", "layer_scale"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineSettings:
    """Everything the engine may be told; a recipe that has a flag of its own passes its value."""

    epochs: int = 50
    """Passes over the longest stream."""
    lr: float = 1e-4
    """Learning rate of a group whose factor is 1."""
    weight_decay: float = 1e-4
    """AdamW's decoupled weight decay."""
    beta1: float = 0.9
    """Decay of AdamW's first moment; the onecycle schedule moves it by itself."""
    beta2: float = 0.999
    """Decay of AdamW's second moment."""
    no_decay: tuple[NoDecay, ...] = ()
    """Kinds of parameters that are not decayed; the reference trainer decays all of them."""
    schedule: Schedule = "step"
    """How the learning rate moves: step, milestones, exponential and constant by epoch, the others by update."""
    lr_step_size: int = 15
    """Epochs between two drops of the step schedule."""
    lr_milestones: tuple[int, ...] = ()
    """Epochs, counted from 0, with which the milestones schedule drops the rate."""
    lr_gamma: float = 0.1
    """Factor of each drop of the step and milestones schedules, or of each epoch of the exponential one."""
    warmup_steps: int = 0
    """Updates of linear warm-up, for every schedule but onecycle."""
    warmup_epochs: float = 0.0
    """Epochs of linear warm-up, instead of updates."""
    warmup_start: float = 0.0
    """Share of the learning rate at which a warm-up begins; with 0 its first update makes the first of its equal steps."""
    min_lr: float = 0.0
    """Where warmup-cosine, linear and poly end, for a group whose factor is 1; the other schedules do not know it."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm over the trained parameters; 0 or less switches it off."""
    accumulate: int = 1
    """Batches whose gradients are gathered for one update."""
    amp: Literal["auto", "off"] = "auto"
    """Mixed precision: bf16 autocast where the device has bf16 units (auto), or nowhere (off)."""
    ema_decay: float = 0.0
    """Decay of the exponential average of the trained weights, which is then validated and saved; 0 switches it off."""
    patience: int = 0
    """Stop after so many epochs in a row without a better selection value; 0 goes on to the last epoch."""
    min_delta: float = 0.0
    """By more than this a selection value must be lower to count as better for ``patience``."""
    log_interval: int = 10
    """Updates between two lines of the log."""
    save_every_steps: int = 0
    """Updates between two checkpoints inside an epoch; 0 saves at the end of each epoch only."""
    keep_last: int = 3
    """How many checkpoint_epoch_N folders stay; 0 writes none."""
    seed: int = 0
    """Seed of everything random; two runs of one seed on one CPU end bit-identical."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    deterministic: bool = False
    """Deterministic kernels on accelerators, slower; the CPU is always deterministic."""

    def __post_init__(self) -> None:
        for name in ("epochs", "lr_step_size", "accumulate", "log_interval"):
            self._require(name, "1 or more", holds=getattr(self, name) >= 1)
        for name in ("weight_decay", "warmup_steps", "warmup_epochs", "patience", "save_every_steps", "keep_last", "seed"):
            self._require(name, "0 or more", holds=getattr(self, name) >= 0)
        self._require("lr_gamma", "a positive factor", holds=0 < self.lr_gamma < math.inf)
        self._require("min_delta", "0 or more, and finite", holds=0 <= self.min_delta < math.inf)
        self._require("max_grad_norm", "a finite number", holds=math.isfinite(self.max_grad_norm))
        self._require("ema_decay", "at least 0 and below 1", holds=0 <= self.ema_decay < 1)
        for name in ("warmup_steps", "warmup_epochs"):
            without = self.schedule != "onecycle" or getattr(self, name) == 0
            self._require(name, "0 with the onecycle schedule, which brings its own", holds=without)
        self._check_rates()

    def _check_rates(self) -> None:
        """What belongs to the learning rate and the moments."""
        self._require("lr", "a positive learning rate", holds=0 < self.lr < math.inf)
        for name in ("beta1", "beta2"):
            self._require(name, "at least 0 and below 1", holds=0 <= getattr(self, name) < 1)
        rising = list(self.lr_milestones) == sorted(set(self.lr_milestones)) and min(self.lr_milestones, default=0) >= 0
        self._require("lr_milestones", "rising epochs of 0 or more", holds=rising)
        self._require("warmup_start", "at least 0 and below 1", holds=0 <= self.warmup_start < 1)
        self._require("min_lr", "0 or more, and at most --lr", holds=0 <= self.min_lr <= self.lr)
        self._require("warmup_epochs", "at most all epochs", holds=self.warmup_epochs <= self.epochs)
        one = self.warmup_steps == 0 or self.warmup_epochs == 0
        self._require("warmup_epochs", "0 beside --warmup-steps, which says the same in updates", holds=one)

    def _require(self, name: str, expected: str, *, holds: bool) -> None:
        flag = "--" + name.replace("_", "-")
        require(holds, f"{flag} to be {expected}", getattr(self, name), f"change {flag}")
