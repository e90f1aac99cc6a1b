# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: all there, verified, refused where they do not belong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import StorageError, UsageError, WeightsError
from leadline.training.checkpoint import Trained, prune_epochs, publish, read_state, write_state
from leadline.training.ema import Ema
from leadline.training.recipe import ParameterGroup
from leadline.training.stages import StageOptimisers
from leadline.training.state import Best, RunState
from leadline.training.tensor_file import read_tensors, write_tensors
from tests.training.toy import SETTINGS, ToyRecipe

CPU = torch.device("cpu")


def trained(seed: int = 0, *, steps: int = 0, frozen: bool = False, **identity: int) -> Trained:
    recipe = ToyRecipe(seed=seed, frozen=frozen)
    optimiser, ema = StageOptimisers(recipe, SETTINGS), Ema(recipe.trained, 0.9)
    for step in range(steps):
        for parameter in optimiser.parameters(""):
            parameter.grad = torch.randn_like(parameter)
        optimiser.of("").adamw.step()
        ema.update(step + 1)
    return Trained(recipe=recipe, optimiser=optimiser, ema=ema, device=CPU, identity={"seed": 0, **identity})


def all_tensors(one: Trained) -> dict[str, torch.Tensor]:
    assert one.ema is not None
    rooms = {"recipe": one.recipe.state_dict(), "optimiser": one.optimiser.tensors(), "ema": one.ema.tensors()}
    return {f"{room}/{name}": tensor for room, tensors in rooms.items() for name, tensor in tensors.items()}


def test_state__comes_back_whole(tmp_path: Path) -> None:
    one, other = trained(1, steps=3), trained(2)
    best = Best(value=0.1 + 0.2, name="Val/ABS_REL", epoch=1)
    state = RunState(epoch=2, batch=3, update=13, sums={"Loss": 1 / 3, "Grad": 2.0}, counted=3, best=best, log_bytes=99)
    write_state(tmp_path, one, state)
    following = torch.rand(3)
    assert read_state(tmp_path, other) == state
    assert torch.equal(torch.rand(3), following)
    expected = all_tensors(one)
    assert expected.keys() == all_tensors(other).keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in all_tensors(other).items())


def test_state__without_a_best_value_comes_back(tmp_path: Path) -> None:
    write_state(tmp_path, trained(), RunState())
    assert read_state(tmp_path, trained()).best is None


def test_state__of_another_run_is_refused_with_the_difference(tmp_path: Path) -> None:
    write_state(tmp_path, trained(accumulate=1), RunState())
    with pytest.raises(UsageError, match="expected accumulate 1 as when the run was saved; got accumulate 2"):
        read_state(tmp_path, trained(accumulate=2))


@pytest.mark.parametrize("change", ["shape", "frozen"])
def test_state__of_another_model_is_refused(tmp_path: Path, change: str) -> None:
    write_state(tmp_path, trained(steps=1), RunState())
    other = trained(frozen=change == "frozen")
    if change == "shape":
        other.recipe.teacher = torch.nn.Linear(2, 2)
    if change == "frozen":
        other.recipe.register_buffer("more", torch.zeros(1))
    with pytest.raises(WeightsError, match="configuration"):
        read_state(tmp_path, other)


def without_groups(folder: Path) -> None:
    """Make the state in ``folder`` one from before groups were written down."""
    tensors, facts = read_tensors(folder, "training_state")
    del facts["groups"]
    write_tensors(folder, "training_state", tensors, facts)


@pytest.mark.parametrize("frozen_then", [True, False])
def test_state__of_another_freezing_is_refused_by_name(tmp_path: Path, frozen_then: bool) -> None:
    write_state(tmp_path, trained(frozen=frozen_then), RunState())
    said = "frozen then and in group encoder now" if frozen_then else "in group encoder then and frozen now"
    with pytest.raises(WeightsError, match=rf"trained\.encoder\.0\.bias {said}; .*; and 1 more; resume") as refusal:
        read_state(tmp_path, trained(frozen=not frozen_then))
    assert "\n" not in str(refusal.value)


def test_state__of_a_parameter_in_another_group_is_refused_by_name(tmp_path: Path) -> None:
    class Regrouped(ToyRecipe):
        def parameter_groups(self) -> list[ParameterGroup]:
            encoder, head = super().parameter_groups()
            moved = ParameterGroup(name="encoder", parameters=[*encoder.parameters, head.parameters[-1]], lr_factor=0.1)
            return [moved, ParameterGroup(name="head", parameters=head.parameters[:-1])]

    write_state(tmp_path, trained(), RunState())
    recipe = Regrouped()
    other = Trained(
        recipe=recipe,
        optimiser=StageOptimisers(recipe, SETTINGS),
        ema=Ema(recipe.trained, 0.9),
        device=CPU,
        identity={"seed": 0},
    )
    with pytest.raises(WeightsError, match=r"got trained\.unused in group head then and in group encoder now; resume"):
        read_state(tmp_path, other)


def test_state__from_before_groups_were_written_comes_back(tmp_path: Path) -> None:
    one, other = trained(1, steps=2), trained(2)
    write_state(tmp_path, one, RunState(update=2))
    without_groups(tmp_path)
    assert read_state(tmp_path, other).update == 2
    expected = all_tensors(one)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in all_tensors(other).items())


@pytest.mark.parametrize("frozen_then", [True, False])
@pytest.mark.parametrize("steps", [0, 1])
def test_state__from_before_groups_were_written_is_refused_with_another_freezing(
    tmp_path: Path, frozen_then: bool, steps: int
) -> None:
    write_state(tmp_path, trained(frozen=frozen_then, steps=steps), RunState())
    without_groups(tmp_path)
    said = "encoder.0.bias frozen then and averaged now" if frozen_then else "encoder.0.bias .* then and frozen now"
    with pytest.raises(WeightsError, match=said):
        read_state(tmp_path, trained(frozen=not frozen_then))


def test_state__names_the_groups_in_its_json(tmp_path: Path) -> None:
    write_state(tmp_path, trained(frozen=True), RunState())
    facts = json.loads((tmp_path / "training_state.json").read_text())["facts"]
    assert facts["groups"] == {"head": ["trained.head.2.bias", "trained.head.2.weight", "trained.unused"]}


def test_state__whose_bit_has_flipped_is_refused_by_name(tmp_path: Path) -> None:
    write_state(tmp_path, trained(), RunState())
    path = tmp_path / "training_state.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(StorageError, match=r"tensor '.*leadline resume .*checkpoint_best"):
        read_state(tmp_path, trained())


def test_publish__writes_once_and_shares_no_file(tmp_path: Path) -> None:
    calls: list[Path] = []

    def write(folder: Path) -> None:
        calls.append(folder)
        (folder / "file").write_text("x")

    publish(tmp_path, ["checkpoint_epoch_3", "checkpoint_best", "checkpoint_latest"], write)
    assert len(calls) == 1
    (tmp_path / "checkpoint_latest" / "file").write_text("damaged")
    assert (tmp_path / "checkpoint_best" / "file").read_text() == "x"
    assert (tmp_path / "checkpoint_epoch_3" / "file").read_text() == "x"


def test_prune__keeps_the_last_epochs_and_everything_else(tmp_path: Path) -> None:
    for name in ("epoch_9", "epoch_10", "epoch_11", "best", "latest", "epoch_mine"):
        (tmp_path / f"checkpoint_{name}").mkdir()
    prune_epochs(tmp_path, 2)
    assert {path.name.removeprefix("checkpoint_") for path in tmp_path.iterdir()} == {
        "epoch_10",
        "epoch_11",
        "best",
        "latest",
        "epoch_mine",
    }
