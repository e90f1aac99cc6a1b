# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError, UsageError
from leadline.geometry.levels import expected_disparity
from leadline.models.stereo.config import StereoModelConfig, TrainingRig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.stereo_model import StereoModel
from tests.models.stereo.tio_fixture import TOY

SIZE = (64, 96)
SWIN = replace(TOY, pyramid=PyramidConfig(encoder="swin-toy", base_stride=2))
STAGES = {  # what each of TiO-Depth's stages reads, and the parts that must and must not get gradients from it
    "mono": ({"backbone", "decoder"}, {"matching", "refined"}),
    "refined": ({"backbone", "decoder", "refined"}, {"matching"}),
    "stereo": ({"backbone", "decoder", "matching"}, {"refined"}),
}


def network(config: StereoModelConfig = TOY) -> StereoModel:
    torch.manual_seed(0)
    return StereoModel(config)


def pair() -> tuple[Tensor, Tensor]:
    drawn = torch.rand(2, 1, 3, *SIZE, generator=torch.Generator().manual_seed(2))
    return drawn[0], drawn[1]


def said(net: StereoModel, path: str) -> Tensor:
    left, right = pair()
    if path == "stereo":
        found = net.stereo(net.features(left), net.features(right), SIZE, direction=1)
        return torch.cat((found.target_logits, found.other_logits))
    return (net.mono if path == "mono" else net.refined)(net.features(left), SIZE)


@pytest.mark.parametrize("config", [TOY, SWIN])
@pytest.mark.parametrize("path", STAGES)
def test_paths__train_their_own_parts_only(config: StereoModelConfig, path: str) -> None:
    net = network(config)
    said(net, path).square().mean().backward()  # type: ignore[no-untyped-call]
    trained, untouched = STAGES[path]
    parts = net.parts()
    assert all(any(one.grad is not None for one in parts[name].parameters()) for name in trained)
    assert all(one.grad is None for name in untouched for one in parts[name].parameters())


@pytest.mark.parametrize("config", [TOY, SWIN])
def test_parts__are_disjoint_and_complete(config: StereoModelConfig) -> None:
    net = network(config)
    listed = [id(one) for part in net.parts().values() for one in part.parameters()]
    assert sorted(listed) == sorted(id(one) for one in net.parameters())
    assert list(net.parts()) == ["backbone", "neck", "decoder", "matching", "refined"]


def test_parts__that_were_not_built_are_left_out_and_their_paths_refused() -> None:
    net = network(replace(TOY, matching=False, refined=False, monocular="raw"))
    assert list(net.parts()) == ["backbone", "neck", "decoder"]
    with pytest.raises(UsageError, match="refined off"):
        said(net, "refined")
    with pytest.raises(UsageError, match="matching off"):
        said(net, "stereo")


@torch.no_grad()
def test_stereo_target__says_the_same_of_the_target() -> None:
    net = network().eval()
    left, right = (net.features(one) for one in pair())
    both, target = net.stereo(left, right, SIZE, direction=1), net.stereo_target(left, right, SIZE, direction=1)
    assert torch.equal(both.target_logits, target.logits)
    assert all(torch.equal(a, b) for a, b in zip(both.target_costs, target.costs, strict=True))


@torch.no_grad()
def test_stereo__of_swapped_views_in_the_other_direction_swaps_its_volumes() -> None:
    net = network().eval()
    left, right = (net.features(one) for one in pair())
    one, two = net.stereo(left, right, SIZE, direction=1), net.stereo(right, left, SIZE, direction=-1)
    assert torch.equal(one.target_logits, two.other_logits)
    assert torch.equal(one.other_logits, two.target_logits)


@torch.no_grad()
def test_stereo__refuses_views_of_different_sizes_and_a_direction_that_is_none() -> None:
    net = network().eval()
    left = net.features(pair()[0])
    with pytest.raises(ContractError, match=r"\(1, 8, 32, 48\) and \(1, 8, 32, 32\)"):
        net.stereo(left, net.features(torch.rand(1, 3, 64, 64)), SIZE, direction=1)
    with pytest.raises(ContractError, match="direction 0"):
        net.stereo_target(left, left, SIZE, direction=0)


def test_disparity__is_the_mean_of_the_levels_in_full_precision_under_autocast() -> None:
    net = network()
    logits = torch.randn(2, 49, 3, 4)
    plain = expected_disparity(logits.softmax(dim=1), net.levels_px)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = net.disparity_px(logits)
    assert cast.dtype is torch.float32
    assert torch.equal(cast, plain)
    assert net.disparity_px(torch.zeros(1, 49, 1, 1)).item() == pytest.approx(61.3943, abs=1e-3)


@torch.no_grad()
def test_bf16__says_nearly_the_same() -> None:
    net = network().eval()
    left, right = pair()

    def disparity_px() -> Tensor:
        found = net.stereo(net.features(left), net.features(right), SIZE, direction=1)
        return net.disparity_px(found.target_logits)

    plain = disparity_px()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = disparity_px()
    assert cast.dtype is torch.float32
    assert ((cast - plain).abs() / plain).mean() < 0.02


@pytest.mark.parametrize("monocular", ["raw", "refined"])
@torch.no_grad()
def test_monocular__speaks_by_the_path_of_its_configuration(monocular: str) -> None:
    net = network(replace(TOY, monocular=monocular)).eval()  # type: ignore[arg-type]
    left, _ = pair()
    disparity_px, probabilities = net.monocular(left)
    expected = said(net, "mono" if monocular == "raw" else "refined")
    assert torch.allclose(disparity_px, net.disparity_px(expected))
    assert torch.allclose(probabilities, expected.softmax(dim=1))


@torch.no_grad()
def test_monocular__is_in_metres_of_the_rig_and_of_the_width_it_sees() -> None:
    rig = TrainingRig(baseline_m=0.5, focal_px=100.0, width_px=200.0)
    net, bare = network(replace(TOY, rig=rig)).eval(), network().eval()
    left, _ = pair()
    depth_m, disparity_px = net.monocular(left)[0], bare.monocular(left)[0]
    assert torch.allclose(depth_m, 0.5 * 100 * SIZE[1] / 200 / disparity_px)


def test_levels__go_where_the_network_goes_and_not_into_its_file() -> None:
    net = network().double()
    assert net.levels_px.dtype is torch.float64
    assert "levels_px" not in net.state_dict()


def test_network__of_the_giant_is_built_without_numbers() -> None:
    with torch.device("meta"):
        net = StereoModel(StereoModelConfig(pyramid=PyramidConfig(encoder="dinov2g")))
    decoder = sum(
        one.numel() for name, part in net.parts().items() if name not in {"backbone", "neck"} for one in part.parameters()
    )
    assert decoder == 17_392_930
