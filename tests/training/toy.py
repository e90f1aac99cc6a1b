# SPDX-License-Identifier: Apache-2.0
"""A recipe and a stream small enough to train thousands of times: a network with dropout, batches from (seed, position)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from leadline.contracts.sample import Batch, Field
from leadline.training.display import Display, SilentDisplay
from leadline.training.distributed import current
from leadline.training.engine import Callbacks, TrainSummary, train
from leadline.training.recipe import ParameterGroup, Progress, Recipe, StepResult, ValidationResult
from leadline.training.run import RunFolder, TrackerSettings
from leadline.training.settings import EngineSettings

SETTINGS = EngineSettings(
    epochs=2, lr=1e-2, device="cpu", amp="off", log_interval=1, ema_decay=0.9, save_every_steps=2, schedule="warmup-cosine"
)


@dataclass
class ToyStream:
    """Batches of random depth, a pure function of (seed, epoch, position); ``spoil`` may break one on its way."""

    steps_per_epoch: int = 5
    batch_size: int = 4
    seed: int = 0
    provides: frozenset[Field] = frozenset({Field.DEPTH})
    skipped: list[str] = field(default_factory=list)
    spoil: Callable[[int, Batch], Batch] | None = None
    rank: int = 0
    world: int = 1

    def batches(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        torch.rand(1)  # as DataLoader does when it begins: the engine must not depend on it
        for step in range(first_step, self.steps_per_epoch):
            batch = self.batch(epoch, step)
            yield self.spoil(epoch * self.steps_per_epoch + step, batch) if self.spoil else batch

    def batch(self, epoch: int, step: int) -> Batch:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch * 1009 + step)
        image = torch.rand((self.batch_size, 3, 8, 8), generator=generator)
        depth = image.mean(1) * 4 + torch.rand((self.batch_size, 8, 8), generator=generator)
        valid = torch.rand((self.batch_size, 8, 8), generator=generator) > 0.3
        share = slice(self.rank * self.batch_size // self.world, (self.rank + 1) * self.batch_size // self.world)
        keys = tuple(f"{epoch}/{step}/{i}" for i in range(self.batch_size))[share]
        return Batch(keys=keys, datasets=("toy",) * len(keys), image=image[share], depth=depth[share], valid=valid[share])


class ToyNet(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.head = nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Conv2d(8, 1, 3, padding=1))
        self.unused = nn.Parameter(torch.zeros(3))

    def forward(self, image: Tensor) -> Tensor:
        depth: Tensor = self.head(self.encoder(image))
        return depth[:, 0]


class ToyRecipe(Recipe):
    """Pooled mean squared error; the loss counts the valid pixels of all ranks."""

    def __init__(self, *, seed: int = 0, dropout: float = 0.2, frozen: bool = False, encoder_lr_factor: float = 0.1) -> None:
        super().__init__()
        self.needs = {"train": frozenset({Field.DEPTH})}
        torch.manual_seed(seed)
        self.trained = ToyNet(dropout)
        self.net = self.trained
        self.frozen = frozen
        self.encoder_lr_factor = encoder_lr_factor
        self.teacher = nn.Linear(1, 1, bias=False).requires_grad_(requires_grad=False)
        if frozen:
            self.net.encoder.requires_grad_(requires_grad=False)

    def train(self, mode: bool = True) -> ToyRecipe:  # noqa: FBT002  nn.Module's signature
        super().train(mode)
        if self.frozen:
            self.net.encoder.eval()
        return self

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        batch = batches["train"]
        assert batch.depth is not None
        assert batch.valid is not None
        predicted = self.net(batch.image).to(batch.depth.dtype)
        error = (predicted - batch.depth).masked_fill(~batch.valid, 0.0)
        pixels = progress.sum_across(batch.valid.sum().float())
        loss = progress.sum_across((error**2).sum()) / pixels
        return StepResult(loss=loss, parts={"Absolute": progress.sum_across(error.abs().sum()) / pixels}, weight=pixels)

    def parameter_groups(self) -> list[ParameterGroup]:
        head = ParameterGroup(name="head", parameters=[*self.net.head.parameters(), self.net.unused])
        if self.frozen:
            return [head]
        factor = self.encoder_lr_factor
        return [ParameterGroup(name="encoder", parameters=list(self.net.encoder.parameters()), lr_factor=factor), head]

    def after_step(self) -> None:
        with torch.no_grad():
            self.teacher.weight.add_(torch.rand(1) + float(np.random.rand()))

    def pictures(self, batches: Mapping[str, Batch]) -> dict[str, NDArray[np.uint8]]:
        torch.rand(3)
        shown = (self.net(batches["train"].image)[0].clamp(0, 1) * 255).to(torch.uint8)
        return {"Train/Prediction": shown[..., None].expand(-1, -1, 3).numpy()}


def saver(recipe: ToyRecipe) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        save_file({name: t.contiguous() for name, t in recipe.trained.state_dict().items()}, folder / "model.safetensors")
        (folder / "model.json").write_text("{}\n")

    return save


def validator(
    recipe: ToyRecipe, before: Callable[[int], None], selections: Sequence[float] = ()
) -> Callable[[int], ValidationResult]:
    """The error on a fixed batch, better and worse by turns so that the best epoch is not the last; or what is given."""

    def validate(epoch: int) -> ValidationResult:
        before(epoch)
        batch = ToyStream(seed=99).batch(0, 0)
        assert batch.depth is not None
        image = batch.image.to(next(recipe.parameters()).dtype)
        error = (recipe.trained(image) - batch.depth).abs().mean().item() + float(torch.rand(())) + epoch % 2
        picture = np.zeros((4, 4, 3), np.uint8)
        selection = selections[epoch] if selections else error
        return ValidationResult(
            scalars={"Val/D1": error}, selection=selection, selection_name="Val/D1", pictures={"Val/Sample_0": picture}
        )

    return validate


def run_toy(
    path: Path,
    settings: EngineSettings = SETTINGS,
    *,
    stream: ToyStream | None = None,
    recipe: ToyRecipe | None = None,
    resume: str | None = None,
    before_validation: Callable[[int], None] = lambda _: None,
    display: Display | None = None,
    selections: Sequence[float] = (),
    tracker: TrackerSettings | None = None,
) -> TrainSummary:
    """Start a run in ``path``, or resume it from a checkpoint."""
    recipe = recipe or ToyRecipe()
    run = RunFolder.open(path, checkpoint=resume) if resume else RunFolder.create(path, {}, rank=current().rank)
    return train(
        recipe,
        {"train": stream or ToyStream()},
        settings,
        replace(run, tracker=tracker),
        Callbacks(
            validate=validator(recipe, before_validation, selections),
            save_model=saver(recipe),
            display=display or SilentDisplay(),
        ),
    )


def digest(path: Path) -> dict[str, str]:
    """SHA-256 of everything in a run that an interruption must not change."""
    files = [file for folder in path.glob("checkpoint_*") for file in folder.iterdir()] + [path / "metrics.jsonl"]
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def register_hook(parameter: nn.Parameter, hook: Callable[[Tensor], Tensor]) -> None:
    register: Callable[[Callable[[Tensor], Tensor]], object] = parameter.register_hook  # torch leaves it untyped
    register(hook)


def changed(settings: EngineSettings = SETTINGS, **values: object) -> EngineSettings:
    return replace(settings, **values)  # type: ignore[arg-type]
