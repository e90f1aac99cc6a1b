# SPDX-License-Identifier: Apache-2.0
"""Replays of what was not finite."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import NonFiniteError, StorageError
from leadline.contracts.sample import Batch, Neighbours, OrdinalPairs, StereoView, Views, ViewStack
from leadline.data.batch_tensors import tensors_by_name
from leadline.models.depth_model import DepthModel
from leadline.recipes.metric.config import MetricConfig
from leadline.recipes.metric.recipe import MetricRecipe, model_config
from leadline.training.config_file import Setting
from leadline.training.distributed import sum_across
from leadline.training.nonfinite import refuse, replay
from leadline.training.placement import Placement
from leadline.training.recipe import Progress, StepResult
from leadline.training.run import RunFolder
from leadline.training.update import LOSS, UpdateReport, Work
from tests.training.toy import ToyRecipe, ToyStream, changed, digest, register_hook, run_toy

README = Path(__file__).parents[2] / "README.md"


def spoil_batch_7(position: int, batch: Batch) -> Batch:
    return replace(batch, image=torch.full_like(batch.image, math.nan)) if position == 7 else batch


class Explosive(ToyRecipe):
    """A finite loss whose gradient is not, when dropout falls in one way: only the right seed and weights repeat it."""

    def step(self, batches: object, progress: Progress) -> StepResult:
        result = super().step(batches, progress)  # type: ignore[arg-type]
        if progress.step == 6:
            for parameter in self.net.head[2].parameters():
                register_hook(parameter, lambda gradient: gradient / 0.0)
        return result


def test_run__stops_before_the_update_and_names_the_replay(tmp_path: Path) -> None:
    recipe = ToyRecipe()
    stream = ToyStream(spoil=spoil_batch_7)
    with pytest.raises(NonFiniteError, match=r"epoch 1, step 7; got loss nan.*nonfinite_step_7/rank_0") as caught:
        run_toy(tmp_path, stream=stream, recipe=recipe)
    assert "\n" not in str(caught.value)
    other = ToyRecipe(seed=8)
    found = replay(other, tmp_path / "nonfinite_step_7" / "rank_0")
    assert math.isnan(found.loss)
    assert math.isnan(found.grad_norm)
    assert "trained.head.2.weight" in found.parameters
    # the stored weights are those the run stopped with, which are finite
    assert all(tensor.isfinite().all() for name, tensor in recipe.trained.named_parameters())
    for name, parameter in recipe.named_parameters():
        assert torch.equal(other.get_parameter(name), parameter), name


def test_remedy__holds_a_line_of_python_that_repeats_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NonFiniteError) as caught:
        run_toy(tmp_path, stream=ToyStream(spoil=spoil_batch_7))
    line = caught.value.remedy.split("`")[1]
    exec(line, {"recipe": ToyRecipe(seed=8)})  # the very line a user copies
    assert capsys.readouterr().out.startswith("Replay(loss=nan, grad_norm=nan, parameters=['")


def test_readme__replays_a_run_of_the_metric_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (page,) = [block for block in README.read_text(encoding="utf-8").split("```python\n") if "replay(recipe" in block]
    config = MetricConfig(encoder="dinov2-toy", n_bins=8, bin_embedding_dim=16, train_encoder=True)
    run = RunFolder.create(tmp_path / "runs" / "mine", {"recipe": Setting("metric", "command")} | said(config))
    image = torch.full((1, 3, 28, 28), math.nan)
    whole = torch.ones(1, 28, 28, dtype=torch.bool)
    batch = Batch(keys=("a",), datasets=("toy",), image=image, depth=torch.ones(1, 28, 28), valid=whole)
    progress = Progress(epoch=0, step=7, total_steps=9, sum_across=sum_across)
    refuse(
        run.path,
        MetricRecipe(config, DepthModel(model_config(config))),
        Work(batches=[{"train": batch}], seeds=[0], progress=progress),
        UpdateReport(values={LOSS: math.nan}, grad_norm=math.nan, stop=False),
        placement=Placement(device=torch.device("cpu")),
        rank=0,
    )
    monkeypatch.chdir(tmp_path)
    exec(page.partition("```")[0], {})
    assert capsys.readouterr().out.startswith("Replay(loss=nan, grad_norm=nan, parameters=['trained.encoder.")


def said(config: MetricConfig) -> dict[str, Setting]:
    return {field.name: Setting(getattr(config, field.name), "default") for field in fields(config)}


def test_replay__repeats_accumulated_gradients_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadline.inference.device.multiplies_bf16", lambda _: True)
    with pytest.raises(NonFiniteError) as caught:
        run_toy(tmp_path, changed(accumulate=2, epochs=4, amp="auto"), recipe=Explosive())
    norm, loss = "gradient norm nan", f"got loss {replay(Explosive(), tmp_path / 'nonfinite_step_6' / 'rank_0').loss},"
    assert loss in str(caught.value)
    assert norm in str(caught.value) or "gradient norm inf" in str(caught.value)
    assert replay(Explosive(), tmp_path / "nonfinite_step_6" / "rank_0").parameters == [
        "trained.head.2.weight",
        "trained.head.2.bias",
    ]


def test_run__can_be_resumed_once_the_batch_is_mended(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteError):
        run_toy(tmp_path / "run", stream=ToyStream(spoil=spoil_batch_7))
    run_toy(tmp_path / "run", resume="latest")
    run_toy(tmp_path / "whole")
    assert digest(tmp_path / "run") == digest(tmp_path / "whole")


class Everything(ToyRecipe):
    """Asks for every field of a batch and ends in infinity."""

    def step(self, batches: object, progress: Progress) -> StepResult:  # noqa: ARG002
        batch: Batch = batches["train"]  # type: ignore[index]
        self.seen = batch
        return StepResult(loss=self.net(batch.image).sum() + math.inf)


def two_sizes_of_views(batch: Batch) -> Views:
    """Global views whose first is the batch's own picture, as it is with views, and one local view without truth."""
    assert batch.depth is not None
    assert batch.valid is not None
    size, ways = batch.image.shape[0], torch.rand(2, batch.image.shape[0], 2, 2)
    cameras = Camera(matrix=torch.rand(2, size, 3, 3))
    images, depths, valid = (torch.stack([one, one]) for one in (batch.image, batch.depth, batch.valid))
    return Views(
        stacks=(
            ViewStack(image=images, to_source=ways, depth=depths, valid=valid, camera=cameras),
            ViewStack(image=torch.rand(1, size, 3, 4, 4), to_source=ways[:1] + 1),
        ),
        n_global=2,
    )


def full_batch(_: int, batch: Batch) -> Batch:
    size, views = batch.image.shape[0], two_sizes_of_views(batch)
    return replace(
        batch,
        image=views.stacks[0].image[0],  # one memory
        kind=DepthKind.AFFINE_DISPARITY,
        views=views,
        camera=Camera(matrix=torch.rand(size, 3, 3)),
        stereo=StereoView(image=torch.rand_like(batch.image), baseline_m=torch.rand(size)),
        neighbours=Neighbours(image=torch.rand(size, 2, *batch.image.shape[1:]), offsets=(-1, 2)),
        ordinal=OrdinalPairs(
            nearer_rc=torch.ones(size, 2, 2, dtype=torch.int64),
            farther_rc=torch.zeros(size, 2, 2, dtype=torch.int64),
            valid=torch.ones(size, 2, dtype=torch.bool),
        ),
    )


def test_replay__keeps_every_field_of_a_batch(tmp_path: Path) -> None:
    recipe, again = Everything(), Everything()
    with pytest.raises(NonFiniteError, match="loss inf"):
        run_toy(tmp_path, stream=ToyStream(spoil=full_batch), recipe=recipe)
    found = [replay(again, tmp_path / "nonfinite_step_0" / "rank_0") for _ in range(2)]
    assert found[0] == found[1]
    assert math.isfinite(found[0].grad_norm)
    assert (again.seen.keys, again.seen.datasets, again.seen.kind) == (
        recipe.seen.keys,
        ("toy",) * 4,
        DepthKind.AFFINE_DISPARITY,
    )
    for path in ("image", "depth", "valid", "camera.matrix", "stereo.image", "stereo.baseline_m", "neighbours.image"):
        one, other = recipe.seen, again.seen
        for name in path.split("."):
            one, other = getattr(one, name), getattr(other, name)
        assert torch.equal(one, other), path  # type: ignore[arg-type]
    assert recipe.seen.ordinal is not None
    assert again.seen.ordinal is not None
    assert torch.equal(recipe.seen.ordinal.nearer_rc, again.seen.ordinal.nearer_rc)
    assert again.seen.neighbours is not None
    assert again.seen.neighbours.offsets == (-1, 2)
    assert again.seen.neighbours.neighbour_from_sample_m is None
    assert again.seen.stereo is not None
    assert again.seen.stereo.visible is None
    assert recipe.seen.views is not None
    assert again.seen.views is not None
    assert again.seen.views.n_global == 2
    before, after = (tensors_by_name(seen.views) for seen in (recipe.seen, again.seen))
    assert list(before) == list(after)
    assert len(before) == 7
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_replay__refuses_a_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteError):
        run_toy(tmp_path, stream=ToyStream(spoil=spoil_batch_7))
    path = tmp_path / "nonfinite_step_7" / "rank_0" / "replay.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(StorageError, match="tensor"):
        replay(ToyRecipe(), path.parent)
