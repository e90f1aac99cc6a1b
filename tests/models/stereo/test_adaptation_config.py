# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from leadline.contracts.errors import UsageError
from leadline.models.stereo.adaptation_config import FROZEN, FULL, AdaptationConfig


def test_adaptation_config__defaults_to_everything_and_to_the_forks_lora() -> None:
    config = AdaptationConfig(kind="lora")
    assert (config.rank, config.alpha, config.targets) == (4, 4.0, ("q", "v"))
    assert (FULL.kind, FROZEN.kind) == ("full", "frozen")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "fulll"}, "did you mean full"),
        ({"rank": 0}, "rank of at least 1"),
        ({"alpha": 0.0}, "alpha above 0"),
        ({"targets": ()}, "among q, k, v"),
        ({"targets": ("q", "q")}, "each once"),
        ({"targets": ("q", "o")}, "among q, k, v"),
    ],
)
def test_adaptation_config__refuses_what_cannot_be_meant(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        AdaptationConfig(**wrong)  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_to_dict__comes_back() -> None:
    config = AdaptationConfig(kind="lora", rank=8, alpha=2.5, targets=("k",))
    assert AdaptationConfig.from_dict(config.to_dict()) == config
    assert config.to_dict()["targets"] == ["k"]
    with pytest.raises(UsageError, match="did you mean rank"):
        AdaptationConfig.from_dict({"rnk": 2})
