# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from leadline.ablation.variant import Variant
from leadline.recipes.distillation.config import DistillationConfig
from leadline.recipes.semi_supervised.config import SemiSupervisedConfig
from tests.ablation.toy import toy_ablation


def test_variant__is_the_shared_flags_with_its_own_changes(tmp_path: Path) -> None:
    shared = toy_ablation(tmp_path, lr=3e-4, baseline=True)
    one = Variant(group="g", name="n", recipe="semi-supervised", changes={"cutmix": 0.0})
    config = one.config(shared, seed=4, folder=tmp_path / "cell", stages=tmp_path / "stages")
    assert isinstance(config, SemiSupervisedConfig)
    assert (config.seed, config.lr, config.cutmix, config.baseline) == (4, 3e-4, 0.0, False)
    assert (config.save_dir, config.cache_stages) == (tmp_path / "cell", tmp_path / "stages")


def test_variant__of_distillation_makes_as_many_updates_of_as_many_unlabelled_pictures(tmp_path: Path) -> None:
    shared = toy_ablation(tmp_path, batch_size=9)
    config = Variant(group="g", name="n", recipe="distillation").config(shared, seed=0, folder=tmp_path, stages=tmp_path)
    assert isinstance(config, DistillationConfig)
    assert config.batch_size == shared.unlabelled_per_step == 6


def test_variant__scenes_are_the_same_for_all_seeds_and_sizes(tmp_path: Path) -> None:
    shared = toy_ablation(tmp_path, seed=7)
    plain = Variant(group="g", name="n", recipe="semi-supervised").config(shared, seed=3, folder=tmp_path, stages=tmp_path)
    assert plain.dataset_option == ("procedural.seed=7",)
    large = Variant(group="g", name="n", recipe="semi-supervised", scale=1.5)
    config = large.config(shared, seed=3, folder=tmp_path, stages=tmp_path)
    assert config.target_size == (42, 63)
    assert set(config.dataset_option) == {"procedural.seed=7", "procedural.height=28", "procedural.width=42"}
    said = toy_ablation(tmp_path, dataset_option=("procedural.seed=1", "procedural.height=56"))
    config = large.config(said, seed=3, folder=tmp_path, stages=tmp_path)
    assert config.dataset_option == ("procedural.seed=1", "procedural.height=56", "procedural.width=42")
