# SPDX-License-Identifier: Apache-2.0
"""A loss or gradient that is NaN or infinite: an update's work enters, files that repeat it and an error leave."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import NonFiniteError
from leadline.contracts.sample import Batch, Neighbours, OrdinalPairs, StereoView, Views, ViewStack
from leadline.data.batch_tensors import tensors_by_name
from leadline.training.distributed import StepModule, sum_across
from leadline.training.durable import new_folder
from leadline.training.placement import Placement
from leadline.training.recipe import Progress, Recipe
from leadline.training.tensor_file import read_tensors, write_tensors
from leadline.training.update import LOSS, UpdateReport, Work, gather_gradients, gradient_norm

Part = TypeVar("Part", Camera, StereoView, OrdinalPairs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """What happened when the work was done again.

    Attributes:
        loss, grad_norm: as in the run.
        parameters: names of those whose gradient is not finite.
    """

    loss: float
    grad_norm: float
    parameters: list[str]


def refuse(
    run: Path, recipe: Recipe, work: Work, report: UpdateReport, *, placement: Placement, rank: int
) -> NonFiniteError:
    """Write the replay of ``work`` into ``run`` and make the error that names it; every rank writes its own batch."""
    folder = run / f"nonfinite_step_{work.progress.step}" / f"rank_{rank}"
    _write_replay(folder, recipe, work, placement)
    names = _not_finite(recipe)
    where = f" in {names[0]} and {len(names) - 1} more" if names else ""
    line = f"from leadline.training.nonfinite import replay; print(replay(recipe, {str(folder)!r}))"
    stage = f", stage {work.progress.stage}" if work.progress.stage else ""
    return NonFiniteError(
        expected=f"a finite loss and gradient in epoch {work.progress.epoch}, step {work.progress.step}{stage}",
        got=f"loss {report.values[LOSS]}, gradient norm {report.grad_norm}{where}",
        remedy=("the stage moved nothing" if stage else "nothing was updated")
        + "; check the data of the batch, lower --lr or say --no-amp; "
        f"`{line}` repeats it, with `recipe` built as for the run",
    )


def replay(recipe: Recipe, folder: Path | str) -> Replay:
    """Do the work of ``folder`` (``.../nonfinite_step_N/rank_R``) again, with the stored weights, seeds and precision.

    For users of a NonFiniteError: change what the recipe computes, or look into it, and see whether the work ends as before.

    Losses that pool over ranks see this rank's part only.  ``recipe`` receives the stored weights.

    Raises:
        StorageError: the replay is damaged.
    """
    tensors, facts = read_tensors(Path(folder), "replay")
    recipe.load_state_dict({name.removeprefix("recipe/"): t for name, t in tensors.items() if name.startswith("recipe/")})
    recipe.train()
    recipe.zero_grad(set_to_none=True)
    device = next(recipe.parameters()).device
    dtype = torch.bfloat16 if facts["bf16"] else None
    means = gather_gradients(StepModule(recipe), _read_work(tensors, facts), Placement(device=device, autocast_dtype=dtype))
    trained = [parameter for parameter in recipe.parameters() if parameter.requires_grad]
    return Replay(loss=means[LOSS].item(), grad_norm=gradient_norm(trained, device).item(), parameters=_not_finite(recipe))


def _not_finite(module: nn.Module) -> list[str]:
    return [name for name, p in module.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]


def _write_replay(folder: Path, recipe: Recipe, work: Work, placement: Placement) -> None:
    tensors: dict[str, Tensor] = {f"recipe/{name}": value for name, value in recipe.state_dict().items()}
    batches: list[dict[str, Any]] = []
    for index, streams in enumerate(work.batches):
        batches.append({})
        for name, batch in streams.items():
            tensors |= tensors_by_name(batch, f"batch/{index}/{name}/")
            said: dict[str, Any] = {"keys": batch.keys, "datasets": batch.datasets, "kind": batch.kind.value}
            said |= {"n_global": batch.views.n_global} if batch.views else {}
            batches[-1][name] = said | ({"offsets": list(batch.neighbours.offsets)} if batch.neighbours else {})
    progress = work.progress
    facts = {
        "batches": batches,
        "seeds": list(work.seeds),
        "progress": {
            "epoch": progress.epoch,
            "step": progress.step,
            "total_steps": progress.total_steps,
            "stage": progress.stage,
        },
        "bf16": placement.autocast_dtype is not None,
    }
    with new_folder(folder) as fresh:
        write_tensors(fresh, "replay", tensors, facts)


def _read_work(tensors: dict[str, Tensor], facts: dict[str, Any]) -> Work:
    batches = [
        {name: _read_batch(tensors, f"batch/{index}/{name}/", said) for name, said in streams.items()}
        for index, streams in enumerate(facts["batches"])
    ]
    return Work(batches=batches, seeds=facts["seeds"], progress=Progress(**facts["progress"], sum_across=sum_across))


def _read_batch(tensors: dict[str, Tensor], prefix: str, said: dict[str, Any]) -> Batch:
    return Batch(
        keys=tuple(said["keys"]),
        datasets=tuple(said["datasets"]),
        kind=DepthKind(said["kind"]),
        image=tensors[prefix + "image"],
        depth=tensors.get(prefix + "depth"),
        valid=tensors.get(prefix + "valid"),
        camera=_read_part(Camera, tensors, prefix + "camera/"),
        stereo=_read_part(StereoView, tensors, prefix + "stereo/"),
        neighbours=_read_neighbours(tensors, prefix + "neighbours/", said["offsets"]) if "offsets" in said else None,
        ordinal=_read_part(OrdinalPairs, tensors, prefix + "ordinal/"),
        views=_read_views(tensors, prefix + "views/stacks/", said["n_global"]) if "n_global" in said else None,
    )


def _read_neighbours(tensors: dict[str, Tensor], prefix: str, offsets: list[int]) -> Neighbours:
    return Neighbours(
        image=tensors[prefix + "image"],
        offsets=tuple(offsets),
        neighbour_from_sample_m=tensors.get(prefix + "neighbour_from_sample_m"),
    )


def _read_views(tensors: dict[str, Tensor], prefix: str, n_global: int) -> Views:
    numbers = {int(name.removeprefix(prefix).split("/")[0]) for name in tensors if name.startswith(prefix)}
    stacks = [_read_stack(tensors, f"{prefix}{number}/") for number in sorted(numbers)]
    return Views(stacks=tuple(stacks), n_global=n_global)


def _read_stack(tensors: dict[str, Tensor], prefix: str) -> ViewStack:
    return ViewStack(
        image=tensors[prefix + "image"],
        to_source=tensors[prefix + "to_source"],
        depth=tensors.get(prefix + "depth"),
        valid=tensors.get(prefix + "valid"),
        camera=_read_part(Camera, tensors, prefix + "camera/"),
    )


def _read_part(kind: type[Part], tensors: dict[str, Tensor], prefix: str) -> Part | None:
    values: dict[str, Any] = {field.name: tensors.get(prefix + field.name) for field in fields(kind)}
    return None if all(value is None for value in values.values()) else kind(**values)
