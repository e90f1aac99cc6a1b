# SPDX-License-Identifier: Apache-2.0
"""The whole network against the stored outputs of the official Depth Anything code, every array at every stored size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from leadline.models.config import DepthModelConfig, v1_taps
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import SigmoidHeadConfig
from tests.models.official import (
    ABSENT,
    SIZES,
    errors,
    features_of,
    net_input,
    official_names,
    rule_weights,
    small_weights,
    tolerance,
)
from tests.shared_paths import stored

FAST_AND_SLOW = [
    size if size == "252x336" else pytest.param(size, marks=pytest.mark.slow) for size in ("252x336", *list(SIZES)[1:])
]
CONFIGS = {
    "dav2_small_relative": DepthModelConfig(),
    "dav1_taps": DepthModelConfig(taps=v1_taps("vits")),
}


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return small_weights()


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def built(config: DepthModelConfig, weights: dict[str, Tensor]) -> DepthModel:
    model = DepthModel(config).eval()
    model.load_state_dict(weights)
    return model


def misses(model: DepthModel, name: str, size: str, image: Tensor, *limits: float) -> dict[str, float]:
    features = features_of(model, image)
    height, width = (int(side) for side in size.split("x"))
    found = dict(errors(stored(name), size, features, model.decoder(features, (height, width)), model(image)))
    assert len(found) == 19, sorted(found)  # 4 taps, 4 class tokens, 4 levels, 4 paths, out_conv, depth, its statistics
    depth, taps, maps = limits
    return {key: error for key, error in found.items() if not error <= tolerance(key, depth=depth, taps=taps, maps=maps)}


def test_net_input__is_the_input_the_numbers_were_computed_on() -> None:
    digests = {"518x518": "add2e9aa7ff76987", "392x518": "aa96882b10951c7e", "252x336": "f2fcf69e3f4a284c"}
    for size, digest in digests.items():
        assert hashlib.sha256(net_input(size, SIZES[size]).numpy().tobytes()).hexdigest()[:16] == digest


def test_small_weights__are_those_of_the_stored_outputs(weights: dict[str, Tensor]) -> None:
    arrays = stored("dav2_small_weights_check")
    by_official_name = {name: weights[ours] for ours, name in official_names(DepthModel(DepthModelConfig())).items()}
    assert len(by_official_name) == 239
    for index, name in enumerate(sorted(by_official_name)):
        value = by_official_name[name].double()
        got = [float(value.flatten()[0]), float(value.sum()), float(value.abs().sum())]
        wanted = [float(arrays[column][index]) for column in ("first", "sum", "abs_sum")]
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-3, err_msg=name)
    assert not by_official_name[ABSENT].any()


@pytest.mark.parametrize("size", FAST_AND_SLOW)
@pytest.mark.parametrize("name", CONFIGS)
def test_relative_network__agrees_with_the_official_code(name: str, size: str, weights: dict[str, Tensor]) -> None:
    model = built(CONFIGS[name], weights)
    assert misses(model, name, size, net_input(size, SIZES[size]), 1e-4, 2e-3, 5e-4) == {}


@pytest.mark.parametrize("size", FAST_AND_SLOW)
def test_metric_network__agrees_with_the_official_code(size: str, weights: dict[str, Tensor]) -> None:
    model = built(DepthModelConfig(head=SigmoidHeadConfig(max_depth_m=20.0)), weights)
    depth_m = model(net_input(size, SIZES[size]))
    for key, wanted in stored("dav2_small_metric").items():
        stored_size, _, name = key.partition(".")
        if stored_size != size:
            continue
        if name == "depth_stats":
            got = torch.stack([depth_m.min(), depth_m.max(), depth_m.mean(), depth_m.std()])
        else:
            step = int(name.removeprefix("depth_s"))
            got = depth_m[:, ::step, ::step]
        np.testing.assert_allclose(got, wanted, atol=1e-3, rtol=0, err_msg=key)


@pytest.mark.parametrize(("size", "seed"), [("252x336", 111), pytest.param("518x686", 112, marks=pytest.mark.slow)])
def test_made_up_weights__give_the_official_numbers(size: str, seed: int) -> None:
    model = DepthModel(DepthModelConfig()).eval()
    names = official_names(model)
    made = rule_weights({names[ours]: tuple(value.shape) for ours, value in model.state_dict().items()}, 7001)
    arrays = stored("dav2_small_rule")
    np.testing.assert_allclose([float(made[name].flatten()[0]) for name in sorted(made)], arrays["rule_first"], rtol=1e-6)
    model.load_state_dict({ours: made[official] for ours, official in names.items()})
    assert misses(model, "dav2_small_rule", size, net_input(size, seed), 5e-4, 1e-3, 1e-3) == {}


@pytest.mark.parametrize(("variant", "encoder"), [("mlp", "dinov2-toy"), ("swiglu", "dinov2-toy-swiglu")])
def test_toy_network__agrees_with_the_official_code(variant: str, encoder: str) -> None:
    arrays = stored("dav2_tiny")
    model = DepthModel(DepthModelConfig(encoder=encoder)).eval()
    own = {key.removeprefix("w_swiglu."): value for key, value in arrays.items() if key.startswith("w_swiglu.")}
    common = {key.removeprefix("w."): value for key, value in arrays.items() if key.startswith("w.")}
    chosen = common if variant == "mlp" else {key: value for key, value in common.items() if ".mlp." not in key} | own
    model.load_state_dict({ours: torch.from_numpy(chosen[name]) for ours, name in official_names(model).items()})
    image = torch.from_numpy(arrays["input"])
    features = features_of(model, image)
    decoded = model.decoder(features, (98, 126))
    got = {"depth_s2": model(image)[:, ::2, ::2]}
    for index in range(4):
        got[f"tap{index}"] = features.maps[index].flatten(2).transpose(1, 2)
        got[f"cls{index}"] = features.prefix[index][:, 0]
        got[f"rn{index + 1}"] = decoded.levels[index][..., :: (8, 4, 2, 1)[index], :: (8, 4, 2, 1)[index]]
        got[f"path{index + 1}"] = decoded.paths[index][..., :: (16, 8, 4, 2)[index], :: (16, 8, 4, 2)[index]]
    wanted = {key.removeprefix(f"{variant}."): value for key, value in arrays.items() if key.startswith(f"{variant}.")}
    assert got.keys() == wanted.keys()
    for name, value in got.items():
        np.testing.assert_allclose(value, wanted[name], atol=1e-4, rtol=0, err_msg=name)


def test_v1_and_v2_taps__give_different_depth_from_the_same_weights(weights: dict[str, Tensor]) -> None:
    image = net_input("252x336", 104)
    v2, v1 = (built(config, weights)(image) for config in CONFIGS.values())
    assert (v2 - v1).abs().max() > 0.3
