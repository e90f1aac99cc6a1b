# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leadline.contracts.errors import UsageError
from leadline.models.head_config import RoutedBinsHeadConfig
from leadline.models.heads.routed_bins import RoutedBinsHead
from leadline.models.heads.taps import HeadTaps
from tests.models.heads import zoe_fixture

SEEDS = (5501, 5502, 5504)
DERIVED = {
    f"conditional_log_binomial.{d}.log_binomial_transform.{n}" for d in ("nyu", "kitti") for n in ("k_idx", "K_minus_1")
}


@pytest.fixture(autouse=True)
def _no_gradients(request: pytest.FixtureRequest) -> Iterator[None]:
    with torch.set_grad_enabled("gradient" in request.node.name):
        yield


def rule(names: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Weights as the fixture's README says; the names of constants count, their values are not used."""
    made = {}
    for index, name in enumerate(sorted(names.keys() | DERIVED)):
        if name in DERIVED:
            continue
        shape = names[name]
        z = np.random.default_rng([5408, index]).standard_normal(shape)
        if len(shape) > 1:
            value = 1.4 * z / np.sqrt(np.prod(shape[1:]))
        else:
            value = 1 + 0.1 * z if "norm" in name and name.endswith("weight") else 0.2 * z
        made[name] = torch.from_numpy(value.astype(np.float32))
    return made


def head(routing: str = "batch") -> RoutedBinsHead:
    built = RoutedBinsHead(RoutedBinsHeadConfig(routing=routing), zoe_fixture.FEATURES)  # type: ignore[arg-type]
    built.load_state_dict(rule({name: tuple(value.shape) for name, value in built.state_dict().items()}))
    return built.eval()


def taps(seed: int) -> HeadTaps:
    draw = np.random.default_rng(seed)
    shapes = [(2, 32, 42, 56), (2, 64, 2, 2), (2, 64, 3, 4), (2, 64, 6, 8), (2, 64, 12, 16), (2, 64, 24, 32)]
    # the peer's inputs were rounded to half precision
    maps = [torch.from_numpy(draw.standard_normal(shape).astype(np.float16).astype(np.float32)) for shape in shapes]
    return HeadTaps(out_conv=maps[0].relu(), bottleneck=maps[1], pyramid=tuple(maps[2:]), relative=torch.zeros(2, 42, 56))


def one_by_one(whole: HeadTaps, index: int) -> HeadTaps:
    pick = slice(index, index + 1)
    return HeadTaps(
        out_conv=whole.out_conv[pick],
        bottleneck=whole.bottleneck[pick],
        pyramid=tuple(one[pick] for one in whole.pyramid),
        relative=whole.relative[pick],
    )


def test_rule__makes_the_weights_the_fixture_was_made_with() -> None:
    arrays, built = zoe_fixture.stored("zoe_nk"), head()
    state = built.state_dict()
    names = sorted(state.keys() | DERIVED)
    assert len(names) == len(arrays["rule_first"])
    for name, first in zip(names, arrays["rule_first"], strict=True):
        assert name in DERIVED or float(state[name].flatten()[0]) == pytest.approx(float(first), abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_routed_bins_head__agrees_with_the_released_code_batch_by_batch(seed: int) -> None:
    arrays, inputs = zoe_fixture.stored("zoe_nk"), taps(seed)
    torch.testing.assert_close(inputs.bottleneck[:, ::16], arrays[f"x{seed}.l4_rn_check"], atol=1e-6, rtol=0)
    torch.testing.assert_close(inputs.out_conv[:, ::8, ::14, ::14], arrays[f"x{seed}.out_conv_check"], atol=1e-6, rtol=0)
    built = head("batch")
    said = built(inputs)
    torch.testing.assert_close(said.domain_scores, arrays[f"x{seed}.domain_logits"], atol=1e-4, rtol=0)
    route = built.route(said.domain_scores)
    assert route.tolist() == [int(arrays[f"x{seed}.route"])] * 2
    error = (said.depth_m[:, None] - arrays[f"x{seed}.metric_depth"]).abs()
    assert error.max() < 2e-3
    assert error.mean() < 5e-5
    torch.testing.assert_close(said.bin_centers_m()[..., ::14, ::14], arrays[f"x{seed}.bin_centers_s14"], atol=2e-4, rtol=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_routed_bins_head__each_picture_alone_says_the_same_as_in_a_batch(seed: int) -> None:
    built, inputs = head("sample"), taps(seed)
    whole = built(inputs)
    assert whole.domain_scores is not None
    for index in range(2):
        alone = built(one_by_one(inputs, index))
        torch.testing.assert_close(whole.depth_m[index], alone.depth_m[0], atol=2e-3, rtol=1e-4)
        torch.testing.assert_close(whole.bin_centers_m()[index], alone.bin_centers_m()[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(whole.bin_probabilities()[index], alone.bin_probabilities()[0], atol=1e-3, rtol=0)


def test_routed_bins_head__keeps_the_order_of_the_pictures_whatever_their_ways() -> None:
    built = head("sample")
    both = [taps(seed) for seed in SEEDS[:2]]
    four = [one_by_one(one, index) for one in both for index in range(2)]
    routes = [int(built.route(built(one).domain_scores)) for one in four]
    kitti, nyu = routes.index(1), routes.index(0)
    cycle = [four[kitti], four[nyu], four[2 + routes[2:].index(0)]]  # ways 1 0 0, an order that is not its own inverse
    whole = built(joined(cycle))
    for index, alone in enumerate(cycle):
        torch.testing.assert_close(whole.depth_m[index], built(alone).depth_m[0], atol=2e-3, rtol=1e-4)


def joined(pictures: list[HeadTaps]) -> HeadTaps:
    return HeadTaps(
        out_conv=torch.cat([one.out_conv for one in pictures]),
        bottleneck=torch.cat([one.bottleneck for one in pictures]),
        pyramid=tuple(torch.cat(level) for level in zip(*(one.pyramid for one in pictures), strict=True)),
        relative=torch.cat([one.relative for one in pictures]),
    )


def test_routed_bins_head__pictures_of_one_batch_go_different_ways() -> None:
    routes = [head("sample").route(zoe_fixture.stored("zoe_nk")[f"x{seed}.domain_logits"]).tolist() for seed in SEEDS]
    assert routes[0] in ([0, 1], [1, 0])
    assert routes[1] in ([0, 1], [1, 0])


def test_routed_bins_head__a_traced_graph_decides_for_every_picture_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    built, inputs = head("sample"), taps(SEEDS[0])
    decided = built(inputs)
    monkeypatch.setattr(torch.jit, "is_tracing", lambda: True)
    traced = built(inputs)
    torch.testing.assert_close(traced.depth_m, decided.depth_m, atol=2e-3, rtol=1e-4)
    torch.testing.assert_close(traced.bin_centers_m(), decided.bin_centers_m(), atol=1e-4, rtol=1e-4)


def test_routed_bins_head__gradients_reach_the_bins_of_every_domain_in_the_batch() -> None:
    built = head("sample").train()
    for layer in built.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    for layer in built.patch_transformer.modules():
        if isinstance(layer, nn.MultiheadAttention):
            layer.dropout = 0.0
    said = built(taps(SEEDS[0]))
    (said.depth_m.mean() + said.domain_scores.logsumexp(dim=1).mean()).backward()
    silent = [name for name, one in built.named_parameters() if one.grad is None or not one.grad.isfinite().all()]
    assert silent == []


@pytest.mark.parametrize("domains", [("one",), ("a", "a"), ("a.b", "c")])
def test_config__domains_are_two_or_more_different_names(domains: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="two or more different names"):
        RoutedBinsHeadConfig(domains=domains)


def test_config__every_domain_has_its_range() -> None:
    with pytest.raises(UsageError, match="one value for each of nyu, kitti"):
        RoutedBinsHeadConfig(max_depths_m=(10.0,))
    with pytest.raises(UsageError, match="0 < min_depth_m < max_depth_m"):
        RoutedBinsHeadConfig(max_depths_m=(10.0, 0.0))
    with pytest.raises(UsageError, match="sample"):
        RoutedBinsHeadConfig(routing="picture")  # type: ignore[arg-type]
    assert RoutedBinsHeadConfig().bins_of("kitti").max_depth_m == RoutedBinsHeadConfig().max_depth_m == 80.0
