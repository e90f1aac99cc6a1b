# SPDX-License-Identifier: Apache-2.0
"""The flags of the JEPA-depth reference under their own names, what they became, and what cannot be meant."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from leadline.cli.arguments import parse
from leadline.cli.toml_defaults import read_toml_defaults, shipped_configs_of
from leadline.contracts.errors import UsageError
from leadline.recipes.jepa.config import JepaConfig

# Section 1.1 of the ledger: flag, a value, our field, its value, and the reference's default in our terms.
REFERENCE: list[tuple[str, str, str, Any, Any]] = [
    ("--epochs", "3", "num_epochs", 3, 50),
    ("--bs", "4", "batch_size", 4, 16),
    ("--lr", "2e-4", "lr", 2e-4, 1e-4),
    ("--global_img_size", "192", "target_size", (192,), (224,)),
    ("--img_size", "160", "target_size", (160,), (224,)),
    ("--local_img_size", "64", "local_size", (64,), (96,)),
    ("--model", "resnet50.a1_in1k", "encoder", "resnet50.a1_in1k", "vit_small_patch16_224.augreg_in21k"),
    ("--V_global", "3", "v_global", 3, 2),
    ("--V_local", "0", "v_local", 0, 4),
    ("--lamb", "0.1", "lamb", 0.1, 0.05),
    ("--depth_weight", "2", "depth_weight", 2.0, 1.0),
    ("--jepa_weight", "0.25", "jepa_weight", 0.25, 0.5),
    ("--sigreg_weight", "0.1", "sigreg_weight", 0.1, 0.0),
    ("--max_img_size", "1024", "max_img_size", 1024, 1536),
    ("--grad_accum", "16", "accumulate", 16, 1),
    ("--num_workers", "0", "num_workers", 0, 4),
    ("--prefetch_factor", "2", "prefetch_factor", 2, 4),
    ("--neighborhoods", "0,1,2", "neighborhoods", "0,1,2", ""),
    ("--save_path", "runs/a", "save_dir", Path("runs/a"), Path("checkpoints/depth_jepa")),
    ("--device", "cpu", "device", "cpu", "auto"),
]


def parsed(*argv: str) -> JepaConfig:
    return parse(JepaConfig, argv, prog="leadline train jepa", takes_config=True, bare={"--wandb": "online"}).value


@pytest.mark.parametrize(("flag", "word", "field", "value", "default"), REFERENCE, ids=[row[0] for row in REFERENCE])
def test_jepa_config__takes_the_reference_s_flag_under_its_name_and_ours(
    flag: str, word: str, field: str, value: object, default: object
) -> None:
    assert getattr(parsed(flag, word), field) == value
    assert getattr(parsed(f"--{field.replace('_', '-')}", word), field) == value
    assert getattr(JepaConfig(), field) == default


def test_jepa_config__switches_stand_alone_as_in_the_reference() -> None:
    config = parsed("--full_size", "--freeze_encoder", "--wandb", "--bs", "2")
    assert (config.full_size, config.freeze_encoder, config.wandb, config.batch_size) == (True, True, "online", 2)
    assert parsed("--wandb", "offline").wandb == "offline"


def test_jepa_config__both_quick_starts_parse() -> None:
    first = parsed(*"--model vit_small_patch16_224.augreg_in21k --bs 16 --V_global 2 --V_local 4".split())
    assert (first.backbone, first.judges, first.surveys) == ("timm:vit_small_patch16_224.augreg_in21k", True, False)
    second = parsed(*"--model resnet50.a1_in1k --full_size --max_img_size 1500 --bs 1 --grad_accum 16".split())
    assert (second.full_size, second.max_img_size, second.accumulate, second.judges) == (True, 1500, 16, False)


def test_jepa_config__optimises_as_the_reference_does() -> None:
    engine = JepaConfig().engine
    assert (engine.weight_decay, engine.beta2, engine.schedule, engine.max_grad_norm) == (0.05, 0.95, "warmup-cosine", 1.0)
    assert (engine.warmup_epochs, engine.warmup_start, engine.min_lr, engine.seed) == (1.0, 0.01, 1e-6, 42)
    assert "norm" in engine.no_decay  # the one deliberate difference
    assert JepaConfig().select_by == "delta1"


@pytest.mark.parametrize(
    ("name", "backbone"),
    [("vits", "vits"), ("resnet18", "timm:resnet18"), ("timm:resnet18", "timm:resnet18"), ("beitl", "beitl")],
)
def test_jepa_config__names_without_a_house_are_timm_s(name: str, backbone: str) -> None:
    assert JepaConfig(encoder=name).backbone == backbone


@pytest.mark.parametrize(
    ("changes", "judges", "surveys", "norm"),
    [
        ({}, True, False, "batch"),
        ({"accumulate": 4}, True, True, "layer"),
        ({"accumulate": 4, "two_pass": False}, True, False, "batch"),
        ({"accumulate": 4, "proj_norm": "batch"}, True, True, "batch"),
        ({"jepa_weight": 0.0}, False, False, "batch"),
        ({"jepa_weight": 0.0, "sigreg_weight": 0.1}, True, False, "batch"),
        ({"full_size": True, "accumulate": 4}, False, False, "batch"),
        ({"full_size": True, "full_size_jepa": True, "batch_size": 1, "accumulate": 4}, True, True, "layer"),
        ({"jepa_weight": 0.0, "batch_size": 1}, False, False, "layer"),
    ],
)
def test_jepa_config__knows_when_embeddings_are_judged_and_how(
    changes: dict[str, Any], judges: bool, surveys: bool, norm: str
) -> None:
    config = JepaConfig(**changes)
    assert (config.judges, config.surveys, config.projector_norm) == (judges, surveys, norm)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"batch_size": 1}, "--batch-size times --accumulate of at least 2.*--jepa-weight 0"),
        ({"batch_size": 1, "accumulate": 8, "two_pass": False}, "--batch-size of at least 2"),
        ({"batch_size": 1, "accumulate": 8, "proj_norm": "batch"}, "--proj-norm layer"),
        ({"batch_size": 1, "accumulate": 8, "proj_output_norm": True}, "no --proj-output-norm"),
        ({"full_size": True, "full_size_jepa": True, "batch_size": 1}, "of at least 2 for SIGReg"),
        ({"full_size_jepa": True}, "--full-size beside --full-size-jepa"),
        ({"neighborhoods": "0", "datasets": ("procedural",)}, "dataset ddos for --neighborhoods"),
        ({"batch_size": 1, "accumulate": 8, "variance_weight": 1.0}, "at least 2 for --variance-weight"),
        ({"lamb": 1.5}, r"--lamb in \[0, 1\]"),
        ({"v_global": 0}, "--v-global of at least 1"),
        ({"v_local": -1}, "--v-local of at least 0"),
        ({"knots": 1}, "--knots of at least 2"),
        ({"depth_weight": 0.0, "jepa_weight": 0.0}, "a loss weight above 0"),
        ({"depth_weight": 0.0, "full_size": True}, "--full-size without --full-size-jepa"),
        ({"dense_weight": 0.5, "v_global": 1}, "--v-global of 2 or more for --dense-weight"),
        ({"dense_weight": 0.5, "full_size": True, "full_size_jepa": True, "accumulate": 2}, "for --dense-weight"),
        ({"global_area": (0.5, 0.1)}, "--global-area"),
        ({"local_area": (0.0, 0.1)}, "--local-area"),
        ({"local_size": (1, 2, 3)}, "--local-size"),
        ({"local_size": (0,)}, "--local-size"),
        ({"t_max": 0.0}, "--t-max above 0"),
        ({"drop_path": 1.0}, "--drop-path"),
        ({"encoder_lr_factor": 0.0}, "--encoder-lr-factor"),
        ({"cache_features": "memory"}, "no --cache-features"),
        ({"proj_layers": 0}, "--proj-layers of at least 1"),
        ({"prefetch_factor": 0}, "--prefetch-factor of at least 1"),
    ],
)
def test_jepa_config__refuses_what_cannot_be_meant(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        JepaConfig(**changes)


def test_jepa_config__neighborhoods_choose_flights_to_train_on() -> None:
    config = JepaConfig(neighborhoods="0, 1,park/3,")
    assert config.dataset_options("ddos") == {"flights": "train/0,train/1,train/park/3"}
    assert config.dataset_options("nyu") == JepaConfig().dataset_options("ddos") == {}
    short = dataclasses.replace(config, dataset_option=("ddos.layout=short",))
    assert short.dataset_options("ddos") == {"flights": "0,1,park/3"}


@pytest.mark.parametrize("name", [name for name in shipped_configs_of("jepa") if not name.endswith("-supervised")])
def test_jepa_presets__each_has_a_twin_that_differs_by_what_lejepa_needs_alone(name: str) -> None:
    values, twin = (read_toml_defaults(JepaConfig, one) for one in (name, f"{name}-supervised"))
    assert JepaConfig(**values).judges
    assert not JepaConfig(**twin).judges
    if name == "jepa-pretrain":  # its twin is the same network trained for depth, with or without what it learned
        assert values["encoder"] == twin["encoder"]
        return
    differ = {key for key in values | twin if values.get(key) != twin.get(key)}
    assert differ <= {"jepa_weight", "full_size_jepa"}
