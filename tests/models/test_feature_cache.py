# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import StorageError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.feature_cache import FeatureCache, fingerprint
from leadline.models.features import Features


def toy_model(seed: int = 0) -> DepthModel:
    torch.manual_seed(seed)
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy"))
    model.freeze_encoder()
    return model


def images(count: int = 3, seed: int = 1) -> Tensor:
    return torch.randn(count, 3, 28, 42, generator=torch.Generator().manual_seed(seed))


@contextmanager
def counted(model: DepthModel) -> Iterator[list[int]]:
    """How many images each pass of the encoder had."""
    passes: list[int] = []
    handle = model.encoder.register_forward_hook(lambda _, given, __: passes.append(len(given[0])))
    yield passes
    handle.remove()


def same(first: Features, second: Features, atol: float) -> bool:
    pairs = zip((*first.maps, *first.prefix), (*second.maps, *second.prefix), strict=True)
    return first.strides == second.strides and all(torch.allclose(a, b, atol=atol, rtol=0) for a, b in pairs)


@pytest.mark.parametrize("on_disk", [False, True])
def test_feature_cache__says_what_the_encoder_says_and_asks_it_once_per_image(tmp_path: Path, *, on_disk: bool) -> None:
    model, seen = toy_model(), images()
    cache = FeatureCache(model, tmp_path if on_disk else None)
    with counted(model) as passes:
        first, again = cache(seen), cache(seen.flip(0))
    assert passes == [1, 1, 1]
    assert (cache.hits, cache.misses) == (3, 3)
    assert same(first, model.encode(seen), atol=1e-5)
    assert torch.equal(first.maps[2].flip(0), again.maps[2])
    assert (cache.kept_bytes == 0) == on_disk


def test_feature_cache__another_run_finds_on_disk_what_was_kept_and_another_encoder_does_not(tmp_path: Path) -> None:
    model, seen = toy_model(), images()
    first = FeatureCache(model, tmp_path)(seen)
    later = FeatureCache(toy_model(), tmp_path)
    assert same(later(seen), first, atol=0)
    assert later.misses == 0
    other = FeatureCache(toy_model(seed=5), tmp_path)
    other(seen)
    assert other.hits == 0
    assert fingerprint(toy_model(5)) != fingerprint(model) == fingerprint(toy_model())


def test_feature_cache__any_other_pixel_or_size_is_another_image() -> None:
    model, seen = toy_model(), images(1)
    cache = FeatureCache(model)
    cache(seen)
    touched = seen.clone()
    touched[0, 1, 3, 5] += 1e-6
    cache(touched)
    cache(seen.reshape(1, 3, 42, 28))
    assert (cache.hits, cache.misses) == (0, 3)


def test_feature_cache__what_is_kept_does_not_depend_on_the_batch_an_image_came_in() -> None:
    model, seen = toy_model(), images()
    together, alone = FeatureCache(model)(seen), FeatureCache(model)(seen[1:2])
    assert torch.equal(together.maps[3][1], alone.maps[3][0])


def test_feature_cache__under_autocast_keeps_half_the_bytes_apart_from_the_full_ones() -> None:
    model, seen = toy_model(), images()
    cache = FeatureCache(model)
    cache(seen)
    full = cache.kept_bytes
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert cache(seen).maps[0].dtype is torch.bfloat16
    assert cache.kept_bytes == pytest.approx(1.5 * full)


def test_feature_cache__the_decoder_reads_from_it_what_the_network_reads() -> None:
    model, seen = toy_model().eval(), images()
    with torch.no_grad():
        torch.testing.assert_close(model.decode(FeatureCache(model)(seen), (28, 42)), model(seen), atol=1e-5, rtol=1e-5)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            cached, plain = model.decode(FeatureCache(model)(seen[:1]), (28, 42)), model(seen[:1])
    assert torch.equal(cached, plain)


def test_fingerprint__tells_encoders_apart_of_which_other_maps_are_read() -> None:
    model = toy_model()
    last_only = DepthModel(DepthModelConfig(encoder="dinov2-toy", decoder="upsample"))
    last_only.encoder.load_state_dict(model.encoder.state_dict())
    assert fingerprint(model) != fingerprint(last_only)


def test_feature_cache__a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="keep them in memory"):
        FeatureCache(toy_model(), tmp_path / "file")(images(1))
    model = toy_model()
    place = tmp_path / fingerprint(model)
    place.mkdir()
    FeatureCache(model, tmp_path)(images(1))
    assert [path.suffix for path in place.iterdir()] == [".safetensors"]
