# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from leadline.cli.arguments import parse
from leadline.cli.toml_defaults import read_toml_defaults
from leadline.contracts.errors import UsageError
from leadline.recipes.relative.config import RelativeConfig


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"learn": ()}, "--learn with at least one name"),
        ({"encoder_lr_factor": 0.0}, "--encoder-lr-factor above 0"),
        ({"ssi_weight": 0.0, "grad_weight": 0.0}, "loss weights"),
        ({"grad_weight": -1.0}, "loss weights"),
        ({"num_epochs": 0}, "--num-epochs"),
        ({"target_size": (1, 2, 3)}, "--target-size"),
    ],
)
def test_relative_config__refuses_what_cannot_be_meant(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        RelativeConfig(**changes)


def test_relative_config__weighs_gradients_twice_as_depth_anything_v2_does() -> None:
    assert (RelativeConfig().ssi_weight, RelativeConfig().grad_weight) == (1.0, 2.0)


def test_relative_config__the_shipped_repair_learns_what_is_missing_with_features_kept() -> None:
    config = RelativeConfig(**read_toml_defaults(RelativeConfig, "relative-repair"))
    assert config.learn == ("missing",)
    assert config.cache_features == "memory"
    flags = ["--learn", "decoder", "head", "--cache-features", "off"]
    assert parse(RelativeConfig, flags, prog="t").value.learn == ("decoder", "head")
