# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path

import pytest
import torch

from leadline.cli.toml_defaults import read_toml_defaults
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, UsageError
from leadline.contracts.sample import Batch
from leadline.models.depth_model import DepthModel
from leadline.recipes.distillation.config import DistillationConfig
from leadline.recipes.relative.recipe import RelativeRecipe
from leadline.recipes.semi_supervised.config import SemiSupervisedConfig
from leadline.recipes.staged.alignment import OnLabel, OnPicture
from leadline.recipes.staged.chain import Chain
from leadline.recipes.staged.network import (
    begin,
    encoder_target,
    first_encoder,
    require_disparity,
    teachers_words,
)
from leadline.recipes.supervised.network import disparity_network
from leadline.training.display import SilentDisplay
from tests.recipes.staged.toy import PROGRESS, semi, toy_model, write_teacher, write_weights

PRESETS = {"v1-paper": SemiSupervisedConfig, "v1-reference": SemiSupervisedConfig}
PRESETS |= {"v2-paper": DistillationConfig, "v2-reference": DistillationConfig}  # type: ignore[dict-item]


@pytest.mark.parametrize("name", PRESETS)
def test_presets__say_which_networks_stand_for_teacher_and_student(name: str) -> None:
    config = PRESETS[name](**read_toml_defaults(PRESETS[name], name))
    teacher = Chain(config=config, display=SilentDisplay()).teacher_config()
    assert config.encoder == {"v1-paper": "vitl", "v1-reference": "vitb"}.get(name, "vits")
    assert teacher.encoder == {"v1-paper": "vitl", "v1-reference": "vitb"}.get(name, "vitg")
    assert teacher.objective == ("log" if name == "v2-reference" else "affine-invariant")
    assert teacher.learn == ("encoder", "decoder")
    assert teacher.num_epochs == config.teacher_epochs
    assert teacher.lr == config.teacher_lr
    if isinstance(config, SemiSupervisedConfig):  # of the reference's thirds one is labelled, one plain and one mixed
        assert (config.cutmix, config.cutmix_box) == (0.5, "quarter" if name == "v1-reference" else "random")


@pytest.mark.parametrize("recipe", [SemiSupervisedConfig, DistillationConfig])
def test_presets__the_tiny_one_is_for_both_chains(recipe: type[SemiSupervisedConfig] | type[DistillationConfig]) -> None:
    config = recipe(**read_toml_defaults(recipe, "tiny-cpu"))
    assert config.encoder == "vits"
    assert config.baseline


def test_v2_paper__its_giant_teacher_is_constructed_and_stepped_without_memory() -> None:
    config = DistillationConfig(**read_toml_defaults(DistillationConfig, "v2-paper"))
    own = Chain(config=config, display=SilentDisplay()).teacher_config()
    with torch.device("meta"):
        recipe = RelativeRecipe(own, DepthModel(disparity_network(own)))
        assert 1.1e9 < sum(one.numel() for one in recipe.trained.parameters()) < 1.4e9
    batch = Batch(
        keys=("0", "1"),
        datasets=("toy",) * 2,
        image=torch.empty(2, 3, 518, 518, device="meta"),
        depth=torch.empty(2, 518, 518, device="meta"),
        valid=torch.empty(2, 518, 518, device="meta", dtype=torch.bool),
        kind=DepthKind.AFFINE_DISPARITY,
    )
    found = recipe.step({"train": batch}, PROGRESS)
    assert found.predicted is not None
    assert found.predicted.shape == (2, 518, 518)
    found.loss.backward()  # type: ignore[no-untyped-call]
    groups = recipe.parameter_groups()
    assert {group.name: group.lr_factor for group in groups} == {"encoder": 0.1, "decoder": 1.0}
    torch.optim.AdamW([{"params": group.parameters} for group in groups], lr=own.lr).step()
    learned = [one for one in recipe.trained.encoder.parameters() if one.grad is not None]
    assert len(learned) > 500
    assert all(one.device.type == "meta" for one in learned)


def test_begin__takes_the_encoder_alone_unless_all_is_asked_for(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "w.safetensors", seed=5)
    given = toy_model(5).state_dict()
    for init, kept in (("encoder", False), ("all", True)):
        config = semi(tmp_path, pretrained_checkpoint=weights, init=init)
        torch.manual_seed(0)
        model = DepthModel(disparity_network(config))
        begin(config, model)
        found = model.state_dict()
        assert all(torch.equal(found[name], one) for name, one in given.items() if name.startswith("encoder."))
        others = [torch.equal(found[name], one) for name, one in given.items() if not name.startswith("encoder.")]
        assert all(others) == kept


def test_encoder_target__is_the_student_s_beginning_frozen(tmp_path: Path) -> None:
    config = semi(tmp_path, pretrained_checkpoint=write_weights(tmp_path / "w.safetensors", seed=5))
    encoder = first_encoder(config).state_dict()
    assert all(torch.equal(encoder[name], one) for name, one in toy_model(5).encoder.state_dict().items())
    assert encoder_target(config) is None
    assert isinstance(encoder_target(dataclasses.replace(config, feature_target="dino-rgb")), OnPicture)
    assert isinstance(encoder_target(dataclasses.replace(config, feature_target="dino-on-depth")), OnLabel)
    with pytest.raises(UsageError, match="a random beginning"):
        encoder_target(dataclasses.replace(config, feature_target="dino-rgb", pretrained_checkpoint=""))


def test_teachers_words__are_those_of_labels_alone_where_they_are_cached(tmp_path: Path) -> None:
    teacher = write_teacher(tmp_path / "teacher")
    assert teachers_words(semi(tmp_path), "no such teacher")._teacher is None
    assert teachers_words(semi(tmp_path, teacher_mode="online"), teacher)._teacher is not None


def test_require_disparity__names_the_teacher_and_its_claim() -> None:
    require_disparity(DepthKind.AFFINE_DISPARITY, "x")
    with pytest.raises(ContractError, match="x, which says metric"):
        require_disparity(DepthKind.METRIC, "x")
