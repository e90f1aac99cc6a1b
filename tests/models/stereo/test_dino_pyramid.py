# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from leadline.models.stereo.dino_pyramid import aligned, fitted, map_sizes, shown_size
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.pyramid import FeaturePyramid, build_pyramid
from leadline.models.stereo.pyramid_weights import load_pyramid
from tests.models.official import net_input, rule_weights
from tests.shared_paths import stored

TINY, RULE = 1e-4, 1e-3  # tolerances of the fixtures' README
RN_STEPS, PATH_STEPS = (8, 4, 2, 1), (16, 8, 4, 2)  # spatial steps at which dav2_tiny stores its maps, fine to coarse


def native(encoder: str, source: str, stride: int = 4) -> FeaturePyramid:
    choices = {"encoder": encoder, "pyramid_source": source, "base_stride": stride}
    return build_pyramid(PyramidConfig.from_dict(choices | {"align": "native", "normalisation": "none"})).eval()


def official_tiny(variant: str) -> dict[str, Tensor]:
    arrays = stored("dav2_tiny")
    shared = {key[2:]: one for key, one in arrays.items() if key.startswith("w.")}
    if variant == "swiglu":
        shared = {key: one for key, one in shared.items() if ".mlp." not in key}
        shared |= {key.removeprefix("w_swiglu."): one for key, one in arrays.items() if key.startswith("w_swiglu.")}
    return {key: torch.from_numpy(one) for key, one in shared.items()}


def filled(pyramid: FeaturePyramid, tensors: dict[str, Tensor], folder: Path) -> FeaturePyramid:
    torch.save(tensors, folder / "official.pth")
    assert not load_pyramid(pyramid, folder / "official.pth", strict=True).missing
    return pyramid


@pytest.mark.parametrize("variant", ["mlp", "swiglu"])
def test_rn_and_fused_maps__equal_the_official_decoders(variant: str, tmp_path: Path) -> None:
    arrays = stored("dav2_tiny")
    encoder = {"mlp": "dinov2-toy", "swiglu": "dinov2-toy-swiglu"}[variant]
    image = torch.from_numpy(arrays["input"])
    for source, key, steps, stride in (("rn", "rn", RN_STEPS, 4), ("fused", "path", PATH_STEPS, 2)):
        pyramid = filled(native(encoder, source, stride), official_tiny(variant), tmp_path)
        with torch.no_grad():
            maps = pyramid(image)
        for level, (one, step) in enumerate(zip(maps, steps, strict=True), start=1):
            np.testing.assert_allclose(
                one[:, :, ::step, ::step], arrays[f"{variant}.{key}{level}"], atol=TINY, err_msg=f"{key}{level}"
            )


def test_rn_maps__of_the_small_size_equal_the_official_ones_off_the_native_grid(tmp_path: Path) -> None:
    """18 x 24 patches: position embeddings are interpolated to a grid that is not square."""
    arrays = stored("dav2_small_rule")
    shapes = {name.strip(): tuple(one.shape) for name, one in official_small().items()}
    pyramid = filled(native("dinov2s", "rn"), rule_weights(shapes, 7001), tmp_path)
    with torch.no_grad():
        maps = pyramid(net_input("252x336", 111))
    for level, (one, step) in enumerate(zip(maps, (16, 8, 4, 2), strict=True), start=1):
        np.testing.assert_allclose(one[:, ::8, ::step, ::step], arrays[f"252x336.rn{level}"], atol=RULE)


def official_small() -> dict[str, Tensor]:
    """The 239 official tensors of the Small model, without numbers."""
    from leadline.models.config import DepthModelConfig
    from leadline.models.depth_model import DepthModel
    from leadline.models.official_names import to_official

    with torch.device("meta"):
        model = DepthModel(DepthModelConfig())
    names = to_official(model.config, list(model.state_dict()))
    return {names[name]: one for name, one in model.state_dict().items()}


def test_reassembled_maps__become_the_rn_maps_by_their_convolutions() -> None:
    torch.manual_seed(0)
    plain, convolved = native("dinov2-toy", "reassemble"), native("dinov2-toy", "rn")
    plain.load_state_dict(convolved.state_dict(), strict=False)
    image = torch.rand(2, 3, 70, 98)
    with torch.no_grad():
        for one, other in zip(convolved.neck.scratch.convolved(plain(image)), convolved(image), strict=True):  # type: ignore[union-attr, operator]
            torch.testing.assert_close(one, other)


def test_fused_native_maps_of_stride_4__are_those_of_stride_2_before_dpt_doubles_them() -> None:
    torch.manual_seed(0)
    coarse, fine = native("dinov2-toy", "fused", 4), native("dinov2-toy", "fused", 2)
    fine.load_state_dict(coarse.state_dict())
    image = torch.rand(1, 3, 70, 98)
    with torch.no_grad():
        for one, other in zip(coarse(image), fine(image), strict=True):
            size = tuple(other.shape[-2:])
            doubled = torch.nn.functional.interpolate(one, size=size, mode="bilinear", align_corners=True)
            torch.testing.assert_close(doubled, other)


@pytest.mark.parametrize(
    ("size", "resized", "padded"),
    [((256, 832), (252, 826), (266, 840)), ((384, 1280), (378, 1274), (392, 1288)), ((252, 840), (252, 840), (252, 840))],
)
def test_shown_size__is_the_nearest_multiple_or_the_next(
    size: tuple[int, int], resized: tuple[int, int], padded: tuple[int, int]
) -> None:
    assert shown_size(size, "resize") == resized
    assert shown_size(size, "pad") == padded
    assert shown_size(size, "error") == size


def test_fitted__leaves_a_fitting_picture_alone_and_pads_with_its_border() -> None:
    image = torch.rand(1, 3, 42, 56)
    for policy in ("resize", "pad", "error"):
        assert fitted(image, policy) is image
    padded = fitted(image[..., :40, :50], "pad")
    torch.testing.assert_close(padded[..., :40, :50], image[..., :40, :50])
    torch.testing.assert_close(padded[..., 41, 55], image[..., 39, 49])
    assert padded.shape == image.shape


@pytest.mark.parametrize("align", ["exact", "native"])
@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("policy", ["resize", "pad"])
def test_aligned__puts_a_ramp_where_the_picture_has_it(policy: str, stride: int, align: str) -> None:
    """Maps that hold the column of their centre, in pixels of the picture, hold it after any resampling too."""
    for size in (
        (61, 205),
        (64, 112),
        (70, 224),
        (56, 98),
    ):  # the last has a coarsest map that keeps its size, not its extent
        place(size, PyramidConfig(encoder="dinov2-toy", base_stride=stride, align=align, size_policy=policy))  # type: ignore[arg-type]


def place(size: tuple[int, int], config: PyramidConfig) -> None:
    policy = config.size_policy
    maps = ramps(size, config)
    for level, one in enumerate(aligned(maps, size, config)):
        columns = one.shape[-1]
        assert tuple(one.shape[-2:]) == map_sizes(size, config)[level]
        px = config.strides[level] if config.is_native and (policy == "pad" or level == 3) else size[1] / columns
        if config.is_native and policy == "resize" and level == 3:
            px *= size[1] / shown_size(size, "resize")[1]
        wanted = (torch.arange(columns) + 0.5) * px
        inside = slice(1, columns - 2)  # no cell lies beyond the first and the last centre
        torch.testing.assert_close(one[0, 0, 0, inside], wanted[inside], atol=1e-3, rtol=0)


def ramps(size: tuple[int, int], config: PyramidConfig) -> tuple[Tensor, ...]:
    """What a neck would give of a picture whose value is its own column."""
    shown = shown_size(size, config.size_policy)
    px = size[1] / shown[1] if config.size_policy == "resize" else 1.0
    maps = []
    for level in range(4):
        cell = 3.5 * 2**level
        rows, columns = (int(-(-side // cell)) for side in shown)
        maps.append(((torch.arange(columns) + 0.5) * cell * px).expand(1, 1, rows, columns))
    return tuple(maps)
