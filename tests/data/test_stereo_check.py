# SPDX-License-Identifier: Apache-2.0
"""A dataset of pairs is looked at before anything is learnt from it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, DataError
from leadline.contracts.sample import Field, Sample, StereoView
from leadline.data.procedural.scenes import ProceduralScenes
from leadline.data.stereo_check import doubt_about_pair, require_pairs
from tests.geometry.textures import colours, seen_at

HEIGHT, WIDTH, DISPARITY_PX = 96, 200, 12
WIDE = colours(HEIGHT, WIDTH + 80)


def a_pair() -> Sample:
    """A wall at 5 m: focal length 100 px, baseline 0.6 m, 12 px."""
    left, right = (seen_at(WIDE, disparity_px=d, height=HEIGHT, width=WIDTH) for d in (0, DISPARITY_PX))
    matrix = torch.tensor([[100.0, 0, WIDTH / 2], [0, 100.0, HEIGHT / 2], [0, 0, 1]])
    return Sample(
        key="wall",
        dataset="walls",
        image=left,
        depth=torch.full((HEIGHT, WIDTH), 5.0),
        valid=torch.ones(HEIGHT, WIDTH, dtype=torch.bool),
        camera=Camera(matrix=matrix),
        stereo=StereoView(image=right, baseline_m=torch.tensor(0.6)),
    )


def stereo_of(sample: Sample) -> StereoView:
    assert sample.stereo is not None
    return sample.stereo


def exchanged(sample: Sample) -> Sample:
    return replace(sample, image=stereo_of(sample).image, stereo=replace(stereo_of(sample), image=sample.image))


def blank(sample: Sample) -> Sample:
    grey = torch.full_like(sample.image, 0.5)
    return replace(sample, image=grey, stereo=replace(stereo_of(sample), image=grey))


@dataclass
class Pairs:
    """Six pairs; those of ``broken`` come changed, or not at all."""

    broken: frozenset[int] = frozenset()
    change: Callable[[Sample], Sample] = exchanged
    unreadable: frozenset[int] = frozenset()
    name: str = "walls"
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.STEREO})

    def __len__(self) -> int:
        return 6

    def key(self, index: int, /) -> str:
        return f"wall/{index}"

    def __getitem__(self, index: int, /) -> Sample:
        if index in self.unreadable:
            raise DataError(expected="a picture", got=f"{self.key(index)}, truncated", remedy="restore it")
        sample = replace(a_pair(), key=self.key(index))
        return self.change(sample) if index in self.broken else sample


EVERY = frozenset(range(6))


def test_require_pairs__lets_good_pairs_pass_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    require_pairs(Pairs())
    assert not caplog.records


def test_require_pairs__refuses_exchanged_views_naming_dataset_and_pair() -> None:
    with pytest.raises(DataError, match=r"in dataset 'walls'; got .* in wall/0; 6 of 6 .*exchange left and right"):
        require_pairs(Pairs(EVERY))


def test_require_pairs__refuses_when_more_than_half_are_wrong_and_warns_of_fewer(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DataError, match="4 of 6"):
        require_pairs(Pairs(frozenset({0, 1, 4, 5})))
    with caplog.at_level(logging.WARNING):
        require_pairs(Pairs(frozenset({1, 3, 5}), change=blank))
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == ["wall/1", "wall/3", "wall/5"]
    assert "0 textured patches" in caplog.text


def test_require_pairs__names_the_commonest_of_several_doubts() -> None:
    def mixed(sample: Sample) -> Sample:
        return blank(sample) if sample.key == "wall/0" else exchanged(sample)

    with pytest.raises(DataError, match=r"further right in wall/1"):
        require_pairs(Pairs(EVERY, change=mixed))


def test_require_pairs__leaves_unreadable_pairs_to_the_loader() -> None:
    require_pairs(Pairs(unreadable=EVERY))
    with pytest.raises(DataError, match="2 of 2"):
        require_pairs(Pairs(EVERY, unreadable=frozenset(range(4))))


def test_require_pairs__reads_no_more_than_it_was_asked() -> None:
    read = list[str]()

    def noting(sample: Sample) -> Sample:
        read.append(sample.key)
        return sample

    require_pairs(Pairs(EVERY, change=noting), probed=2)
    assert len(read) == 2


def test_require_pairs__refuses_a_dataset_without_pairs_and_pairs_of_two_sizes() -> None:
    with pytest.raises(ContractError, match=r"stereo pairs; got 'walls', which has none"):
        require_pairs(Pairs(provides=frozenset({Field.IMAGE})))

    def cut(sample: Sample) -> Sample:
        return replace(sample, stereo=replace(stereo_of(sample), image=stereo_of(sample).image[..., 1:]))

    with pytest.raises(ContractError, match=r"one size; got 96x200 and 96x199 in wall/0 of dataset 'walls'"):
        require_pairs(Pairs(EVERY, change=cut))


@pytest.mark.parametrize("baseline_m", [0.06, 6.0, 600.0])
def test_doubt_about_pair__holds_the_rig_against_true_depth(baseline_m: float) -> None:
    assert doubt_about_pair(a_pair()) is None
    sample = a_pair()
    wrong = replace(sample, stereo=replace(stereo_of(sample), baseline_m=torch.tensor(baseline_m)))
    found = doubt_about_pair(wrong)
    assert found is not None
    times, _, words = found.got.partition(" ")
    assert float(times) == pytest.approx(0.6 / baseline_m, rel=0.01)
    assert words == "times as much in the pictures"
    assert "metres" in found.remedy


def test_doubt_about_pair__holds_true_disparity_against_the_pictures_where_it_is_known() -> None:
    sample = a_pair()
    true = torch.full((HEIGHT, WIDTH), 1.3 * DISPARITY_PX)
    told = replace(sample, stereo=replace(stereo_of(sample), disparity_px=true))
    found = doubt_about_pair(told)
    assert found is not None
    assert float(found.got.split(" ")[0]) == pytest.approx(1 / 1.3, rel=0.01)
    for unknown in (
        replace(stereo_of(told), visible=torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)),
        replace(stereo_of(told), disparity_px=true * torch.nan),
        replace(stereo_of(told), disparity_px=torch.zeros_like(true)),
    ):
        assert doubt_about_pair(replace(told, stereo=unknown)) is None


@pytest.mark.parametrize(
    "without",
    [{"stereo": None}, {"camera": None}, {"kind": DepthKind.AFFINE_DISPARITY}, {"depth": None, "valid": None}],
    ids=lambda one: ",".join(one),
)
def test_doubt_about_pair__is_silent_about_what_it_cannot_know(without: dict[str, object]) -> None:
    far = replace(a_pair(), depth=torch.full((HEIGHT, WIDTH), 2.0))
    assert doubt_about_pair(far) is not None
    assert doubt_about_pair(replace(far, **without)) is None  # type: ignore[arg-type]


def test_doubt_about_pair__never_reads_depth_that_is_not_valid() -> None:
    poisoned = replace(a_pair(), depth=torch.full((HEIGHT, WIDTH), torch.nan), valid=torch.zeros(HEIGHT, WIDTH) > 0)
    assert doubt_about_pair(poisoned) is None


def test_require_pairs__finds_nothing_wrong_with_procedural_scenes(caplog: pytest.LogCaptureFixture) -> None:
    require_pairs(ProceduralScenes(count=6, seed=3, height=96, width=160, stereo=True))
    assert not caplog.records


def test_require_pairs__needs_no_truth_for_tiny_pictures() -> None:
    def tiny(sample: Sample) -> Sample:
        right = replace(stereo_of(sample), image=stereo_of(sample).image[:, :20])
        return replace(sample, image=sample.image[:, :20], depth=None, valid=None, stereo=right)

    require_pairs(Pairs(EVERY, change=tiny))
