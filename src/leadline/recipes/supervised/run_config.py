# SPDX-License-Identifier: Apache-2.0
"""How a run is made, whatever the recipe: optimisation, checkpoints and folders enter as flags, engine settings leave.

Free of torch, so that ``--help`` is quick.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Literal

from leadline.contracts.errors import require
from leadline.training.run_id import require_legal
from leadline.training.settings import EngineSettings, NoDecay, Schedule  # torch-free as well

WITHOUT_DECAY: tuple[NoDecay, ...] = ("bias", "norm", "pos_embed", "layer_scale")

_ENGINE = EngineSettings()


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """Flags of every recipe; a recipe's own configuration inherits them and may give them other defaults."""

    recipe: ClassVar[str] = ""
    """The recipe's name in the catalog."""
    least: ClassVar[dict[str, int]] = {
        **dict.fromkeys(("batch_size", "num_epochs", "lr_step_size", "accumulate", "log_interval"), 1),
        **dict.fromkeys(("warmup_steps", "patience", "min_delta", "save_every", "keep_epochs", "seed", "weight_decay"), 0),
        **dict.fromkeys(("warmup_epochs", "warmup_start", "min_lr"), 0),
    }
    """Smallest value that means something, by field."""

    batch_size: int = 4
    """Pictures per step over all processes."""
    num_epochs: int = _ENGINE.epochs
    """Passes over the training pictures."""
    lr: float = _ENGINE.lr
    """Learning rate; parts with a factor of their own learn at a share of it."""
    weight_decay: float = _ENGINE.weight_decay
    """AdamW's decoupled weight decay."""
    beta1: float = _ENGINE.beta1
    """Decay of AdamW's first moment; the onecycle schedule moves it by itself."""
    beta2: float = _ENGINE.beta2
    """Decay of AdamW's second moment."""
    decay_norm_and_bias: bool = True
    """Decay biases, norms, position embedding and layer scale too, as the reference does."""
    schedule: Schedule = _ENGINE.schedule
    """Learning-rate schedule."""
    lr_step_size: int = _ENGINE.lr_step_size
    """Epochs between drops of the step schedule."""
    lr_milestones: tuple[int, ...] = _ENGINE.lr_milestones
    """Epochs, counted from 0, with which the milestones schedule drops the rate."""
    lr_gamma: float = _ENGINE.lr_gamma
    """Factor of each drop of the step and milestones schedules, or of each epoch of the exponential one (0.95, say)."""
    warmup_steps: int = _ENGINE.warmup_steps
    """Updates of linear warm-up, for every schedule but onecycle."""
    warmup_epochs: float = _ENGINE.warmup_epochs
    """Epochs of linear warm-up, instead of updates."""
    warmup_start: float = _ENGINE.warmup_start
    """Share of the learning rate at which a warm-up begins; with 0 its first update makes the first of its equal steps."""
    min_lr: float = _ENGINE.min_lr
    """Learning rate at which warmup-cosine, linear and poly end; parts with a factor end at the same share of it."""
    max_grad_norm: float = _ENGINE.max_grad_norm
    """Clip of the gradient norm over trained parameters; 0 or less switches it off."""
    accumulate: int = _ENGINE.accumulate
    """Batches gathered for one update; each counts by its valid pixels, or pictures where a loss is a mean over those."""
    amp: bool = True
    """bf16 autocast of the networks where the hardware has bf16 units; losses and bins stay in fp32 in any case."""
    ema_decay: float = _ENGINE.ema_decay
    """Decay of the averaged weights that are then validated and saved; 0 switches them off."""
    seed: int = _ENGINE.seed
    """Everything random follows from it."""
    device: str = _ENGINE.device
    """auto, cpu, cuda, cuda:N or mps."""
    deterministic: bool = _ENGINE.deterministic
    """Deterministic kernels on accelerators, slower; the CPU is always deterministic."""
    save_dir: Path = Path("./checkpoints")
    """The run folder: configuration, log, checkpoints, report."""
    log_dir: Path = Path("./logs")
    """TensorBoard events go to a folder in here that is named after the run folder's path."""
    run_id: str = ""
    """What the run is called, below its folder and in W&B; empty draws one from date and time.  With --resume: which run."""
    resume: str = ""
    """Continue a run: its folder or one of its checkpoints; without a value, the run with --run-id in, below or beside
    --save-dir, or else the one in --save-dir."""
    wandb: Literal["off", "offline", "online"] = "off"
    """Weights & Biases too: offline needs neither key nor network and is uploaded by `wandb sync`; needs leadline[wandb]."""
    wandb_project: str = "leadline"
    """Project of W&B."""
    wandb_entity: str = ""
    """Team or user of W&B; empty is the account's own."""
    wandb_name: str = ""
    """Name that W&B shows; empty shows the run's id."""
    log_interval: int = _ENGINE.log_interval
    """Updates between log lines."""
    save_every: int = _ENGINE.save_every_steps
    """Updates between extra checkpoints within an epoch; 0 saves at each epoch's end."""
    keep_epochs: int = _ENGINE.keep_last
    """Numbered epoch checkpoints that are kept; 0 writes none."""
    validate: bool = True
    """Validate after each epoch and keep the best checkpoint."""
    select_by: Literal["loss", "abs_rel", "delta1"] = "loss"
    """What decides which checkpoint is best, and what --patience waits for: lowest loss, abs_rel or highest delta1."""
    patience: int = _ENGINE.patience
    """Stop after so many epochs in a row without a better one; 0 trains to the end."""
    min_delta: float = _ENGINE.min_delta
    """A better epoch is lower by more than this, where --patience counts."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value, flag = getattr(self, field.name), "--" + field.name.replace("_", "-")
            if isinstance(value, float):
                require(math.isfinite(value), f"a finite number for {flag}", value, f"change {flag}")
            if field.name in self.least:
                least = self.least[field.name]
                require(value >= least, f"{flag} of at least {least}", value, f"change {flag}")
        require(self.lr_gamma > 0, "--lr-gamma above 0", self.lr_gamma, "e.g. --lr-gamma 0.95")
        require(self.validate or not self.patience, "validation with --patience", "--no-validate", "leave out one of them")
        require(self.wandb_project != "", "a name for --wandb-project", self.wandb_project, "leave it out")
        if self.run_id:
            require_legal(self.run_id)
        require(self.lr > 0, "--lr above 0", self.lr, "e.g. --lr 1e-4")
        require(0 <= self.ema_decay < 1, "--ema-decay in [0, 1)", self.ema_decay, "e.g. 0.999")

    @property
    def events_folder(self) -> Path:
        """Where TensorBoard events go: one folder below ``log_dir`` for each run folder, ``runs/a`` -> ``runs_a``."""
        return self.log_dir / "_".join(part for part in self.save_dir.parts if part not in {self.save_dir.anchor, ".."})

    @property
    def engine(self) -> EngineSettings:
        """The engine's share of the flags."""
        return EngineSettings(
            epochs=self.num_epochs,
            lr=self.lr,
            weight_decay=self.weight_decay,
            beta1=self.beta1,
            beta2=self.beta2,
            no_decay=() if self.decay_norm_and_bias else WITHOUT_DECAY,
            schedule=self.schedule,
            lr_step_size=self.lr_step_size,
            lr_milestones=self.lr_milestones,
            lr_gamma=self.lr_gamma,
            warmup_steps=self.warmup_steps,
            warmup_epochs=self.warmup_epochs,
            warmup_start=self.warmup_start,
            min_lr=self.min_lr,
            max_grad_norm=self.max_grad_norm,
            accumulate=self.accumulate,
            amp="auto" if self.amp else "off",
            ema_decay=self.ema_decay,
            log_interval=self.log_interval,
            save_every_steps=self.save_every,
            keep_last=self.keep_epochs,
            patience=self.patience,
            min_delta=self.min_delta,
            seed=self.seed,
            device=self.device,
            deterministic=self.deterministic,
        )
