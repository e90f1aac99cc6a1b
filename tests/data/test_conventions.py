# SPDX-License-Identifier: Apache-2.0
"""Samples of another type or range than the contract states are refused at every door, with the remedy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field, Neighbours, Sample, StereoView
from leadline.data.batch_reader import BatchReader, InOrder
from leadline.data.conventions import breaches_of_range, breaches_of_type, require_conventions, require_types
from leadline.data.inspection import contact_sheet, inspect_dataset
from leadline.data.loader import LoaderSettings, SampleStream
from leadline.data.probe import require_truth
from leadline.data.procedural.scenes import ProceduralScenes
from leadline.data.suspicions import suspicions
from leadline.evaluation.catalog import find_protocol
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from tests.evaluation.toys import ToyPredictor

IMAGE = torch.linspace(0.0, 1.0, 3 * 12 * 16).reshape(3, 12, 16)
DEPTH_M = torch.linspace(4.0, 1.0, 12 * 16).reshape(12, 16)
GOOD = Sample(key="a", dataset="toy", image=IMAGE, depth=DEPTH_M, valid=DEPTH_M > 0)

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "bytes": ({"image": (IMAGE * 255).byte()}, "image of uint8.*divide by 255"),
    "doubles": ({"image": IMAGE.double()}, "image of float64.*convert it to float32"),
    "channels last": ({"image": IMAGE.permute(1, 2, 0)}, "image with 12 in front.*put the three colours first"),
    "grey": ({"image": IMAGE[0]}, "image with 2 axes and not 3 in front.*put the three colours first"),
    "double depth": ({"depth": DEPTH_M.double()}, "depth of float64.*convert it to float32"),
    "float mask": ({"valid": (DEPTH_M > 0).float()}, "valid of float32.*compare, e.g. valid = stored > 0"),
    "small depth": ({"depth": DEPTH_M[:, :10]}, "depth of 12x10 beside an image of 12x16.*bring both to one size"),
    "small mask": ({"valid": DEPTH_M[:6] > 0}, "valid of 6x16 beside an image of 12x16.*bring both to one size"),
    "depth with a channel": ({"depth": DEPTH_M[None]}, "depth of 1x12x16 beside an image of 12x16.*bring both to one size"),
    "no mask": ({"valid": None}, "depth without valid.*give the mask too"),
    "no depth": ({"depth": None}, "valid without depth.*give both, or neither"),
    "long camera": ({"camera": Camera(matrix=torch.eye(4))}, "camera matrix of 4x4.*give "),
    "batched camera": ({"camera": Camera(matrix=torch.eye(3)[None])}, "camera matrix of 1x3x3.*give "),
    "flat camera": ({"camera": Camera(matrix=torch.tensor([9.0, 9, 8, 6]))}, "camera matrix of 4.*give "),
    "double camera": ({"camera": Camera(matrix=torch.eye(3).double())}, "camera matrix of float64.*convert it"),
    "byte mask": ({"valid": (DEPTH_M > 0).byte()}, "valid of uint8.*compare, e.g. valid = stored > 0"),
}
OUT_OF_RANGE: dict[str, tuple[dict[str, Any], str]] = {
    "dark bytes": ({"image": IMAGE * 2}, "image of 0-255.*divide by 255"),
    "0 to 255": ({"image": IMAGE * 255}, "image of 0-255.*divide by 255"),
    "a little above": ({"image": IMAGE * 1.01}, "image with values a little above 1.*clamp it"),
    "normalised": (
        {"image": IMAGE - 0.5},
        "image with values below 0, above 255, or NaN.*leave normalisation to the model",
    ),
    "beyond bytes": (
        {"image": IMAGE * 65535},
        "image with values below 0, above 255, or NaN.*leave normalisation to the model",
    ),
    "nan": (
        {"image": IMAGE * torch.nan},
        "image with values below 0, above 255, or NaN.*leave normalisation to the model",
    ),
}


@dataclass(frozen=True)
class Planted:
    """Six times the sample it was given."""

    sample: Sample
    name: str = "toy"
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.DEPTH})

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int, /) -> Sample:
        return self.sample

    def key(self, index: int, /) -> str:
        return str(index)


def planted(change: dict[str, Any]) -> Planted:
    return Planted(dataclasses.replace(GOOD, **change))


@pytest.mark.parametrize(("change", "words"), (WRONG | OUT_OF_RANGE).values(), ids=(WRONG | OUT_OF_RANGE).keys())
def test_loader__refuses_the_first_batch_of_a_dataset_outside_the_conventions(change: dict[str, Any], words: str) -> None:
    stream = SampleStream(planted(change), None, LoaderSettings(batch_size=2), shuffle=True)
    with pytest.raises(ContractError, match=words) as caught:
        next(stream.batches(0))
    assert "in 'a' of dataset 'toy'" in str(caught.value)


def test_loader__refuses_it_from_another_process_too() -> None:
    stream = SampleStream(planted(WRONG["bytes"][0]), None, LoaderSettings(batch_size=2, workers=1), shuffle=True)
    with pytest.raises(ContractError, match=WRONG["bytes"][1]):
        next(stream.batches(0))


@pytest.mark.parametrize(("change", "words"), (WRONG | OUT_OF_RANGE).values(), ids=(WRONG | OUT_OF_RANGE).keys())
def test_probe_and_evaluation__refuse_the_same_before_anything_is_predicted(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ContractError, match=words):
        require_truth(planted(change), frozenset({DepthKind.METRIC}), min_m=1e-3, max_m=10.0)

    def unasked(_: torch.Tensor) -> torch.Tensor:
        raise AssertionError("a prediction was asked for")

    with pytest.raises(ContractError, match=words):
        evaluate(
            ToyPredictor(change=unasked), planted(change), find_protocol("depth"), settings=EvaluationSettings(resamples=2)
        )


@pytest.mark.parametrize(("change", "words"), (WRONG | OUT_OF_RANGE).values(), ids=(WRONG | OUT_OF_RANGE).keys())
def test_inspection__reports_the_same_for_every_sample(change: dict[str, Any], words: str) -> None:
    report = inspect_dataset(planted(change))
    assert [finding.images for finding in report.findings] == [6]
    got, remedy = words.split(".*", 1)
    assert report.findings[0].what.startswith(f"{got}: {remedy}")
    has_wrong_type = any(breaches_of_type(planted(change).sample))
    assert (report.minimum is None) == has_wrong_type  # what is measured wrong is not measured at all


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=WRONG.keys())
def test_preview__refuses_what_it_cannot_draw(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ContractError, match=words):
        contact_sheet(planted(change))


def test_conventions__are_kept_by_an_honest_sample_and_by_its_second_view() -> None:
    scene = ProceduralScenes(1, height=24, width=32, stereo=True, ordinal_pairs=5)[0]
    for sample in (GOOD, scene, dataclasses.replace(GOOD, depth=None, valid=None)):
        require_conventions(sample)
        assert suspicions(sample) == []


def test_conventions__hold_for_the_second_view_too() -> None:
    view = StereoView(image=IMAGE, baseline_m=torch.tensor(0.1), disparity_px=DEPTH_M, visible=DEPTH_M > 0)
    wrong = {
        "right image of 0-255": dataclasses.replace(view, image=IMAGE * 255),
        "right image of uint8": dataclasses.replace(view, image=IMAGE.byte()),
        "disparity of float64": dataclasses.replace(view, disparity_px=DEPTH_M.double()),
        "visible of float32": dataclasses.replace(view, visible=DEPTH_M),
        "right image of 12x9 beside an image of 12x16": dataclasses.replace(view, image=IMAGE[..., :9]),
        "disparity of 8x16 beside an image of 12x16": dataclasses.replace(view, disparity_px=DEPTH_M[:8]),
    }
    for words, broken in wrong.items():
        with pytest.raises(ContractError, match=words):
            require_conventions(dataclasses.replace(GOOD, stereo=broken))


def test_conventions__hold_for_neighbours_too() -> None:
    beside = Neighbours(
        image=torch.stack([IMAGE, IMAGE]), offsets=(-1, 1), neighbour_from_sample_m=torch.eye(4).expand(2, 4, 4)
    )
    require_conventions(dataclasses.replace(GOOD, neighbours=beside))
    wrong = {
        r"neighbour \+1 of 0-255": dataclasses.replace(beside, image=torch.stack([IMAGE, IMAGE * 255])),
        "neighbour -1 of float64": dataclasses.replace(beside, image=beside.image.double()),
        "neighbour -1 of 12x9 beside an image of 12x16": dataclasses.replace(beside, image=beside.image[..., :9]),
        "2 pictures for": dataclasses.replace(beside, offsets=(-1, 1, 2)),
        "no offset of 0": dataclasses.replace(beside, offsets=(0, 1)),
        "motion of 4x4 for 2 neighbours": dataclasses.replace(beside, neighbour_from_sample_m=torch.eye(4)),
    }
    for words, broken in wrong.items():
        with pytest.raises(ContractError, match=words):
            require_conventions(dataclasses.replace(GOOD, neighbours=broken))


def test_require_types__reads_no_value() -> None:
    require_types(dataclasses.replace(GOOD, image=IMAGE * 255))
    assert [breach.got for breach in breaches_of_range(dataclasses.replace(GOOD, image=IMAGE * 255))] == ["image of 0-255"]


def test_reader__looks_at_types_always_and_at_values_once_per_dataset() -> None:
    samples = [GOOD, dataclasses.replace(GOOD, image=IMAGE * 255), dataclasses.replace(GOOD, image=IMAGE.byte())]

    class Changing(Planted):
        def __getitem__(self, index: int, /) -> Sample:
            return samples[index]

    reader = BatchReader(InOrder(Changing(GOOD)), None, seed=0, on_unreadable="stop")
    assert reader[[(0, 0)]].refusal is None
    assert reader[[(0, 1)]].refusal is None
    refusal = reader[[(0, 2)]].refusal
    assert refusal is not None
    assert refusal[0] is ContractError
