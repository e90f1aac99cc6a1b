# SPDX-License-Identifier: Apache-2.0
"""The decoder against the numbers of the released TiO-Depth, with the tolerances of the fixtures' README."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from leadline.geometry.levels import exponential_levels
from leadline.models.stereo.checkpoint import OFFICIAL_CONFIG
from leadline.models.stereo.stereo_model import StereoModel, StereoVolumes
from tests.models.stereo.tio_fixture import SIZES, Name, View, each_its_way, features, model, stored

Path = Callable[[tuple[Tensor, ...], tuple[int, int]], Tensor]
NAMES: tuple[Name, ...] = ("tio_decoder", "tio_decoder_wide")
LOGITS, COSTS, OFFSETS = 2e-3, 1e-4, 1e-3
MONO_PX, STEREO_PX = (0.05, 2e-3), (0.02, 5e-4)  # greatest and mean difference of disparity


def agrees(stored_key: str, ours: Tensor, name: Name, *, greatest: float, mean: float = float("inf")) -> None:
    """Compare with every stored array of this key, thinned as its suffix says."""
    stems = {key: value for key, value in stored(name).items() if key == stored_key or _thinned(key, stored_key)}
    assert stems, stored_key
    for key, expected in stems.items():
        stride = int(key[len(stored_key) + 2 :] or 1)
        apart = (ours[..., ::stride, ::stride] - expected).abs()
        assert apart.max() < greatest, (key, apart.max())
        assert apart.mean() < mean, (key, apart.mean())


def _thinned(key: str, stem: str) -> bool:
    rest = key.removeprefix(stem)
    return key.startswith(stem) and rest.startswith("_s") and rest[2:].isdigit()


def both_ways(net: StereoModel, name: Name) -> StereoVolumes:
    each_its_way(net.decoder, name)
    return net.stereo(features(name, "s"), features(name, "o"), SIZES[name], direction=1)


def test_levels__are_those_of_the_release() -> None:
    assert torch.allclose(model().levels_px, stored("tio_decoder")["disparity_bins"], rtol=1e-6)
    assert torch.equal(model().levels_px, exponential_levels())


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_mono_and_refined__give_the_release_s_volumes(name: Name) -> None:
    net, size = model(), SIZES[name]
    cases: tuple[tuple[str, View, Path], ...] = (
        ("mono", "s", net.mono),
        ("mono", "o", net.mono),
        ("refmono", "s", net.refined),
    )
    for stored_name, view, path in cases:
        logits = path(features(name, view), size)
        agrees(f"out.{stored_name}_dvolume_0_{view}", logits, name, greatest=LOGITS)
        disparity_px = net.disparity_px(logits)[:, None]
        agrees(f"out.{stored_name}_disp_0_{view}", disparity_px, name, greatest=MONO_PX[0], mean=MONO_PX[1])


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_depth__is_the_release_s_at_the_width_it_means(name: Name) -> None:
    net, rig = model(), OFFICIAL_CONFIG.rig
    assert rig is not None
    disparity_px = net.disparity_px(net.mono(features(name, "s"), SIZES[name]))
    depth_m = rig.depth_times_disparity(1280) / disparity_px  # the release takes any picture for one 1280 px wide
    agrees("out.mono_depth_0_s", depth_m[:, None], name, greatest=0.02)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_stereo__gives_the_release_s_volumes_and_costs(name: Name) -> None:
    net = model()
    found = both_ways(net, name)
    views = {"s": (found.target_logits, found.target_costs), "o": (found.other_logits, found.other_costs)}
    for view, (logits, costs) in views.items():
        agrees(f"out.stereo_dvolume_0_{view}", logits, name, greatest=LOGITS)
        agrees(
            f"out.stereo_disp_0_{view}", net.disparity_px(logits)[:, None], name, greatest=STEREO_PX[0], mean=STEREO_PX[1]
        )
        for level, cost in zip((3, 2, 1), costs, strict=True):
            if name == "tio_decoder" or level == 3:  # of the wide picture, the finer costs are not stored
                agrees(f"out.cost_{level}-{view}", cost.softmax(1), name, greatest=COSTS)
            agrees(f"out.cost_disp_{level}-{view}", net.disparity_px(cost)[:, None], name, greatest=STEREO_PX[0])


@torch.no_grad()
def test_training_mode__normalises_by_each_view_s_own_statistics_as_the_release_does() -> None:
    net = model().train()
    mono = net.disparity_px(net.mono(features("tio_decoder", "s"), SIZES["tio_decoder"]))[:, None]
    agrees("out_train.mono_disp_0_s", mono, "tio_decoder", greatest=MONO_PX[0])
    stereo = net.disparity_px(both_ways(net, "tio_decoder").target_logits)[:, None]
    agrees("out_train.stereo_disp_0_s", stereo, "tio_decoder", greatest=MONO_PX[0])
