# SPDX-License-Identifier: Apache-2.0
"""One step of monodepth2's training for each kind of source, and what its loss prefers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from leadline.contracts.sample import Batch, Field
from leadline.recipes.stereo.frames import frames_of
from leadline.recipes.stereo.monocular_config import MonocularConfig, Sources
from leadline.recipes.stereo.monocular_recipe import MonocularRecipe
from leadline.training.recipe import Progress
from leadline.transforms.pair_colours import JitterColours
from tests.recipes.stereo.sequences import moving, small_model, true_sigmoid

AT_START = Progress(epoch=0, step=0, total_steps=1, sum_across=lambda sums: sums)


@pytest.fixture(scope="module")
def batch() -> Batch:
    return moving()


def recipe(sources: Sources = "frames", **settings: bool | float) -> MonocularRecipe:
    torch.manual_seed(0)
    config = MonocularConfig(method="monodepth2", sources=sources, pose_encoder="test_resnet", **settings)  # type: ignore[arg-type]
    return MonocularRecipe(config, small_model(), JitterColours())


@pytest.mark.parametrize("sources", ["frames", "pair", "both"])
def test_step__trains_every_parameter_of_its_groups_and_no_other(batch: Batch, sources: Sources) -> None:
    training = recipe(sources)
    result = training.step({"train": batch}, AT_START)
    result.loss.backward()  # type: ignore[no-untyped-call]
    grouped = {id(one): group.name for group in training.parameter_groups() for one in group.parameters}
    learned = {name for name, one in training.named_parameters() if one.grad is not None}
    trainable = {name for name, one in training.named_parameters() if one.requires_grad}
    assert {id(one) for one in training.parameters() if one.requires_grad} == grouped.keys()
    assert set(grouped.values()) == {"encoder", "decoder"} | ({"pose"} if sources != "pair" else set())
    assert trainable == learned
    assert set(result.parts) == {"Photometric", "Smooth", "Informing"}
    assert result.predicted is not None
    assert result.predicted.shape == (2, 48, 64)
    weighed = result.parts["Photometric"] + 1e-3 * result.parts["Smooth"]
    torch.testing.assert_close(result.loss, weighed)


@pytest.mark.parametrize(
    ("sources", "extra"),
    [("frames", {Field.NEIGHBOURS}), ("pair", {Field.STEREO}), ("both", {Field.NEIGHBOURS, Field.STEREO})],
)
def test_needs__say_what_is_compared(sources: Sources, extra: set[Field]) -> None:
    training = recipe(sources)
    assert training.needs == {"train": {Field.IMAGE, Field.CAMERA} | extra}
    assert (training.pose is None) == (sources == "pair")


def test_step__repeats_with_the_same_random_state(batch: Batch) -> None:
    training = recipe("both")
    training.eval()  # batch statistics are not what is tested
    losses = []
    for _ in range(2):
        torch.manual_seed(5)
        losses.append(training.step({"train": batch}, AT_START).loss)
    assert torch.equal(losses[0], losses[1])


def test_step__shows_changed_colours_and_compares_clean_ones(batch: Batch) -> None:
    training = recipe("pair", mirror=0.0)
    training._colours = lambda views, _: tuple(torch.zeros_like(view) for view in views)
    shown: list[Tensor] = []
    training.trained.pyramid.register_forward_pre_hook(lambda _, given: shown.append(given[0]))
    result = training.step({"train": batch}, AT_START)
    assert float(shown[0].abs().max()) == 0
    assert float(result.parts["Photometric"].detach()) > 1e-3  # of black pictures it would be 0


def cost_of(training: MonocularRecipe, batch: Batch, sigmoid: Tensor) -> float:
    training.trained.scales = lambda *_: (sigmoid,)  # type: ignore[method-assign]
    return float(training.reconstruction(batch))


def test_loss__is_least_for_the_true_depth_of_a_pair(batch: Batch) -> None:
    training, truth = recipe("pair", auto_mask=False), true_sigmoid(batch)
    with torch.no_grad():
        costs = {factor: cost_of(training, batch, truth * factor) for factor in (0.5, 0.8, 1.0, 1.25, 2.0)}
    assert min(costs, key=lambda factor: costs[factor]) == 1.0
    assert costs[1.0] < 0.6 * costs[0.5]


def test_auto_mask__lowers_the_cost_and_leaves_nothing_where_nothing_moved(batch: Batch) -> None:
    assert batch.neighbours is not None
    still = replace(batch, neighbours=replace(batch.neighbours, image=batch.image[:, None].repeat(1, 2, 1, 1, 1)))
    training, sigmoid = recipe("frames"), true_sigmoid(batch).requires_grad_()
    cost = training.reconstruction  # of a camera that stood still, which the pose network does not know
    training.trained.scales = lambda *_: (sigmoid,)  # type: ignore[method-assign]
    masked = cost(still)
    masked.backward()  # type: ignore[no-untyped-call]
    assert sigmoid.grad is not None
    assert float(masked.detach()) < 1e-4
    moved = recipe("frames", auto_mask=False)
    moved.trained.scales = lambda *_: (sigmoid,)  # type: ignore[method-assign]
    assert float(moved.reconstruction(still).detach()) > float(masked.detach())
    assert float(moved.reconstruction(batch).detach()) >= float(training.reconstruction(batch).detach())


def test_scales__are_weighed_as_monodepth2_does(batch: Batch) -> None:
    training = recipe("pair", mirror=0.0, auto_mask=False)
    maps = tuple(torch.rand(2, 48 // 2**scale, 64 // 2**scale) for scale in range(4))
    frames = frames_of(batch, sources="pair", colours=None)
    poses = frames.second_from_target_m
    assert poses is not None
    whole = training._result(frames, maps, poses[:, None])
    single = [training._result(frames, (one,), poses[:, None]) for one in maps]
    photometric = torch.stack([one.parts["Photometric"] for one in single]).mean()
    smooth = torch.stack([one.parts["Smooth"] / 2**scale for scale, one in enumerate(single)]).mean()
    torch.testing.assert_close(whole.loss, photometric + 1e-3 * smooth)
    assert float(single[0].parts["Smooth"]) > 0
    halved = training._result(frames, (maps[0] / 2,), poses[:, None])
    torch.testing.assert_close(halved.parts["Smooth"], single[0].parts["Smooth"])  # a smaller scene is no smoother


def test_step__under_autocast_computes_its_losses_in_float32(batch: Batch) -> None:
    training = recipe("both")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = training.step({"train": batch}, AT_START)
    assert result.loss.dtype == torch.float32
    torch.manual_seed(0)
    plain = recipe("both", mirror=0.0)
    assert float(result.loss.detach()) == pytest.approx(float(plain.step({"train": batch}, AT_START).loss.detach()), rel=0.3)


def test_pictures__show_sources_depth_and_mask(batch: Batch) -> None:
    training = recipe("both").eval()
    with torch.no_grad():
        shown = training.pictures({"train": batch})
    assert list(shown) == ["Train/Frames"]
    assert shown["Train/Frames"].dtype.name == "uint8"
    assert shown["Train/Frames"].shape[2] == 3
    assert shown["Train/Frames"].shape[1] > 3 * 64


def test_overfit__on_one_pair_finds_its_depth() -> None:
    torch.manual_seed(0)
    batch = moving(1)
    training = recipe("pair", mirror=0.0, auto_mask=False)
    sigmoid = torch.full((1, 6, 8), -4.0, requires_grad=True)
    training.trained.scales = lambda *_: (torch.sigmoid(sigmoid),)  # type: ignore[method-assign]
    optimiser = torch.optim.Adam([sigmoid], lr=0.25)
    for _ in range(40):
        optimiser.zero_grad()
        training.reconstruction(batch).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    found = torch.nn.functional.interpolate(torch.sigmoid(sigmoid)[:, None], size=(48, 64), mode="bilinear")[:, 0]
    ratio = (found + 1e-3) / (true_sigmoid(batch) + 1e-3)
    within = (torch.maximum(ratio, 1 / ratio) < 1.25).float().mean()
    assert float(within) > 0.6
