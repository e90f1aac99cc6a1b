# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import UsageError
from leadline.models.head_config import BinCentersType, MetricBinsHeadConfig
from leadline.models.heads import metric_bins
from leadline.models.heads.metric_bins import BinsOutput, MetricBinsHead
from leadline.models.heads.taps import HeadTaps
from tests.models.heads import zoe_fixture

CENTERS: tuple[BinCentersType, ...] = ("normed", "softplus", "hybrid1", "hybrid2")
BOUNDED: tuple[BinCentersType, ...] = ("normed", "hybrid2")
TRACED = [f"{centers}.sum.inv.T0.0212" for centers in CENTERS]
CASES = [
    *TRACED,
    *(f"{centers}.mean.inv.T0.0212" for centers in CENTERS),
    "softplus.sum.inv.T5",
    "softplus.sum.exp.T5",
    "softplus.mean.exp.T0.0212",
    "normed.sum.exp.T0.0212",
    "normed.mean.inv.T5",
]
STRIDES = (1, 2, 4, 8)  # at which the maps of the four levels are stored


@pytest.fixture(scope="module")
def arrays() -> dict[str, Tensor]:
    return zoe_fixture.stored("zoe_head")


def close(got: Tensor, wanted: Tensor, atol: float) -> None:
    torch.testing.assert_close(got, wanted, atol=atol, rtol=0)


def small_taps(*, images: int = 2, channels: int = 8, requires_grad: bool = False) -> HeadTaps:
    generator = torch.Generator().manual_seed(6)

    def draw(*shape: int) -> Tensor:
        return torch.randn(images, *shape, generator=generator).requires_grad_(requires_grad)

    pyramid = (draw(channels, 3, 2), draw(channels, 5, 4), draw(channels, 9, 9), draw(channels, 16, 11))
    return HeadTaps(out_conv=draw(32, 21, 13), bottleneck=draw(channels, 2, 1), pyramid=pyramid, relative=draw(21, 13))


def small_head(**options: Any) -> MetricBinsHead:
    torch.manual_seed(7)
    return MetricBinsHead(MetricBinsHeadConfig(n_bins=12, bin_embedding_dim=16, **options), 8)


def test_fixture__every_stored_case_is_tested(arrays: dict[str, Tensor]) -> None:
    assert {key.removesuffix(".metric_depth") for key in arrays if key.endswith(".metric_depth")} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_head__agrees_with_the_released_one(case: str, arrays: dict[str, Tensor]) -> None:
    with torch.no_grad():
        said = zoe_fixture.head(arrays, zoe_fixture.config(case))(zoe_fixture.taps(arrays))
    sharp = case.endswith("T0.0212")
    error = (said.depth_m - arrays[f"{case}.metric_depth"][:, 0]).abs()
    assert error.max() < (2e-3 if sharp else 3e-4)
    assert error.mean() < (5e-5 if sharp else 2e-5)
    close(said.bin_centers_m()[:, :, ::14, ::14], arrays[f"{case}.bin_centers_s14"], 2e-4)
    close(said.bin_probabilities()[:, :, ::14, ::14], arrays[f"{case}.probs_s14"], 1e-3 if sharp else 1e-4)


@pytest.mark.parametrize("case", TRACED)
def test_head__agrees_with_the_released_one_level_by_level(case: str, arrays: dict[str, Tensor]) -> None:
    head = zoe_fixture.head(arrays, zoe_fixture.config(case))
    kind = "bounded" if head.bins.bounded else "unbounded"
    said: list[Tensor] = []
    for layer in head.attractors:
        layer.get_submodule("_net").register_forward_hook(lambda _module, _inputs, output: said.append(output))
    with torch.no_grad():
        (embedding, seed), *levels = head.levels(zoe_fixture.taps(arrays))
        near_m, far_m = head.config.min_depth_m, head.config.max_depth_m
        seed_m = seed * (far_m - near_m) + near_m if head.bins.bounded else seed
        close(embedding, arrays["seed_embedding"], 2e-4)
        close(seed_m, arrays[f"{case}.seed_centers"], 2e-4)
        for index, (stride, (_, centers)) in enumerate(zip(STRIDES, levels, strict=True)):
            close(said[index][..., ::stride, ::stride], arrays[f"{kind}_att{index}_A_s"], 2e-4)
            close(centers[..., ::stride, ::stride], arrays[f"{case}.att{index}_b_s"], 2e-4)
            close(head.bins.metres(centers)[..., ::stride, ::stride], arrays[f"{case}.att{index}_centers_s"], 2e-4)


def test_head__agrees_with_the_released_last_layer(arrays: dict[str, Tensor]) -> None:
    head, taps = zoe_fixture.head(arrays, zoe_fixture.config(CASES[1])), zoe_fixture.taps(arrays)
    with torch.no_grad():
        *_, (embedding, _) = head.levels(taps)
        fine = torch.cat([taps.out_conv, taps.relative[:, None]], dim=1)
        evidence = head.conditional_log_binomial.evidence(fine, embedding)
    close(evidence.permute(0, 3, 1, 2)[..., ::7, ::7], arrays["pt_s7"], 2e-4)


@pytest.mark.parametrize(("features", "parameters"), [(64, 244_481), (128, 314_177), (256, 478_145), (384, 674_881)])
def test_head__has_the_released_number_of_parameters(features: int, parameters: int) -> None:
    head = MetricBinsHead(MetricBinsHeadConfig(), features)
    assert sum(one.numel() for one in head.parameters()) == parameters


def test_head__of_bounded_type_has_the_released_number_of_parameters() -> None:
    head = MetricBinsHead(MetricBinsHeadConfig(bin_centers_type="normed"), 256)
    assert sum(one.numel() for one in head.parameters()) == 481_886


@pytest.mark.parametrize("bounded", [False, True])
def test_head__has_exactly_the_official_keys(arrays: dict[str, Tensor], bounded: bool) -> None:
    options = MetricBinsHeadConfig(bin_centers_type="normed" if bounded else "softplus")
    official = zoe_fixture.weights(arrays, bounded=bounded)
    ours = MetricBinsHead(options, zoe_fixture.FEATURES).state_dict()
    assert {key: value.shape for key, value in ours.items()} == {key: value.shape for key, value in official.items()}


@pytest.mark.parametrize("attraction", ["inv", "exp"])
@pytest.mark.parametrize("centers", CENTERS)
def test_head__of_every_type_trains_its_weights_and_taps(centers: BinCentersType, attraction: str) -> None:
    head = small_head(bin_centers_type=centers, attractor_type=attraction)
    taps = small_taps(requires_grad=True)
    said = head(taps)
    said.depth_m.log().square().mean().backward()
    assert said.depth_m.shape == (2, 21, 13)
    for gradient in (*(one.grad for one in head.parameters()), taps.relative.grad, taps.out_conv.grad, taps.bottleneck.grad):
        assert gradient is not None
        assert gradient.isfinite().all()
        # "exp" reaches so short a way that a pixel of a fresh head may feel no attractor at all
        assert attraction == "exp" or gradient.abs().sum() > 0


@pytest.mark.parametrize("centers", BOUNDED)
def test_head__of_bounded_type_stays_in_its_range_with_ascending_centres(centers: BinCentersType) -> None:
    head = small_head(bin_centers_type=centers, min_depth_m=0.5, max_depth_m=4.0)
    taps = small_taps()
    said = head(replace(taps, bottleneck=100 * taps.bottleneck, pyramid=tuple(100 * one for one in taps.pyramid)))
    assert said.bin_centers_m().diff(dim=1).min() >= -1e-6
    assert said.depth_m.min() >= 0.5
    assert said.depth_m.max() <= 4.0


@pytest.mark.parametrize("centers", BOUNDED)
def test_head__of_bounded_type_does_not_leave_its_range_by_rounding(
    centers: BinCentersType, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounded = torch.tensor([0.4999999, 4.0000005]).reshape(2, 1, 1, 1).expand(2, 1, 21, 13)
    monkeypatch.setattr(metric_bins, "expected_value", lambda *_: rounded)
    depth_m = small_head(bin_centers_type=centers, min_depth_m=0.5, max_depth_m=4.0)(small_taps()).depth_m
    assert (depth_m.min().item(), depth_m.max().item()) == (0.5, 4.0)


def test_head__of_unbounded_type_is_never_below_the_nearest_depth() -> None:
    head = small_head(min_depth_m=0.25)
    with torch.no_grad():
        head.seed_bin_regressor.get_parameter("_net.2.bias").fill_(-20.0)
        for layer in head.attractors:
            layer.get_parameter("_net.2.bias").fill_(-20.0)
    assert head(small_taps()).depth_m.min() == 0.25


@pytest.mark.parametrize("centers", CENTERS)
def test_alpha_and_gamma__change_the_depth_only_without_compat(centers: BinCentersType) -> None:
    def depth(*, compat: bool, **strength: Any) -> Tensor:
        said: BinsOutput = small_head(bin_centers_type=centers, compat=compat, **strength)(small_taps())
        return said.depth_m

    assert torch.equal(depth(compat=True), depth(compat=True, attractor_alpha=7.0))
    assert torch.equal(depth(compat=True), depth(compat=True, attractor_gamma=4))
    assert not torch.allclose(depth(compat=False), depth(compat=False, attractor_alpha=7.0), atol=1e-4)
    assert not torch.allclose(depth(compat=False), depth(compat=False, attractor_gamma=4), atol=1e-4)


@pytest.mark.parametrize("centers", CENTERS)
def test_compat__changes_bounded_attractors_only(centers: BinCentersType) -> None:
    released = small_head(bin_centers_type=centers, compat=True)(small_taps()).depth_m
    intended = small_head(bin_centers_type=centers, compat=False)(small_taps()).depth_m
    assert torch.equal(released, intended) == (centers not in BOUNDED)


def test_head__gives_a_picture_the_same_depth_alone_and_in_a_batch() -> None:
    head, taps = small_head(), small_taps()
    alone = HeadTaps(
        out_conv=taps.out_conv[1:],
        bottleneck=taps.bottleneck[1:],
        pyramid=tuple(one[1:] for one in taps.pyramid),
        relative=taps.relative[1:],
    )
    close(head(alone).depth_m[0], head(taps).depth_m[1], 1e-6)


def test_head__ignores_how_far_below_zero_the_relative_logit_is() -> None:
    head, taps = small_head(), small_taps()
    clipped = replace(taps, relative=taps.relative.clamp(min=0))
    assert torch.equal(head(taps).depth_m, head(clipped).depth_m)
    assert not torch.equal(head(taps).depth_m, head(replace(taps, relative=taps.relative + 1)).depth_m)


def test_head__under_autocast_gives_float32_close_to_the_exact_depth() -> None:
    head, taps = small_head(), small_taps()
    exact = head(taps)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = head(taps)
    assert {rough.depth_m.dtype, rough.coarse_centers_m.dtype, rough.distribution.tilt.dtype} == {torch.float32}
    close(rough.bin_probabilities().sum(dim=1), torch.ones_like(rough.depth_m), 1e-5)
    close((rough.bin_centers_m() * rough.bin_probabilities()).sum(dim=1), rough.depth_m, 1e-5)
    close(rough.depth_m, exact.depth_m, 0.01)


def test_head__works_in_float64() -> None:
    head, taps = small_head().double(), small_taps()
    wide = HeadTaps(
        out_conv=taps.out_conv.double(),
        bottleneck=taps.bottleneck.double(),
        pyramid=tuple(one.double() for one in taps.pyramid),
        relative=taps.relative.double(),
    )
    said = head(wide)
    assert said.depth_m.dtype == torch.float64
    close(said.depth_m.float(), small_head()(taps).depth_m, 1e-5)


@pytest.mark.parametrize("centers", CENTERS)
def test_output__depth_is_the_mean_of_its_own_distribution(centers: BinCentersType) -> None:
    said = small_head(bin_centers_type=centers)(small_taps())
    assert said.bin_centers_m().shape == said.bin_probabilities().shape == (2, 12, 21, 13)
    close((said.bin_centers_m() * said.bin_probabilities()).sum(dim=1), said.depth_m, 1e-5)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"n_bins": 1}, "bins"),
        ({"min_depth_m": 0.0}, "min_depth_m"),
        ({"min_depth_m": 10.0}, "min_depth_m"),
        ({"attractor_alpha": 0.0}, "attractor_alpha"),
        ({"attractor_gamma": 0}, "attractor_gamma"),
        ({"n_attractors": (16, 8, 4)}, "4 attractor counts"),
        ({"n_attractors": (16, 8, 0, 1)}, "4 attractor counts"),
        ({"min_temp": 60.0}, "min_temp"),
        ({"bin_embedding_dim": 0}, "bin_embedding_dim"),
    ],
)
def test_bins_config__refuses_what_the_formulas_cannot_mean(wrong: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        MetricBinsHeadConfig(**wrong)
