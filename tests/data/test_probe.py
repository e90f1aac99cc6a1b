# SPDX-License-Identifier: Apache-2.0
import dataclasses
import logging

import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, DataError
from leadline.contracts.sample import Field, Sample
from leadline.data.probe import require_truth

METRES = frozenset({DepthKind.METRIC})
GOOD = Sample(
    key="a",
    dataset="toy",
    image=torch.zeros(3, 8, 8),
    depth=torch.linspace(1, 5, 64).reshape(8, 8),
    valid=torch.ones(8, 8) > 0,
)


@dataclasses.dataclass
class _Same:
    sample: Sample
    unreadable: bool = False
    name: str = "toy"
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.DEPTH})

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int, /) -> Sample:
        if self.unreadable:
            raise DataError(expected="a picture", got="none", remedy="none")
        return self.sample

    def key(self, index: int, /) -> str:
        return str(index)


def test_require_truth__accepts_metres_inside_the_range_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    require_truth(_Same(GOOD), METRES, min_m=1e-3, max_m=10.0)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("kind", [kind for kind in DepthKind if kind is not DepthKind.METRIC])
def test_require_truth__refuses_every_other_kind(kind: DepthKind) -> None:
    with pytest.raises(ContractError, match=kind.value):
        require_truth(_Same(dataclasses.replace(GOOD, kind=kind)), METRES, min_m=1e-3, max_m=10.0)


def test_require_truth__millimetres_read_as_metres_are_refused_and_doubted(caplog: pytest.LogCaptureFixture) -> None:
    assert GOOD.depth is not None
    wrong = dataclasses.replace(GOOD, depth=(GOOD.depth * 1000).round())
    with caplog.at_level(logging.WARNING), pytest.raises(DataError, match="not one such pixel"):
        require_truth(_Same(wrong), METRES, min_m=1e-3, max_m=10.0)
    assert any("looks wrong" in message for message in caplog.messages)


def test_require_truth__one_pixel_in_range_is_enough_and_an_invalid_one_is_not() -> None:
    assert GOOD.depth is not None
    depth, valid = torch.full((8, 8), 50.0), torch.ones(8, 8, dtype=torch.bool)
    depth[0, 0] = 2.0
    require_truth(_Same(dataclasses.replace(GOOD, depth=depth, valid=valid)), METRES, min_m=1e-3, max_m=10.0)
    valid[0, 0] = False
    with pytest.raises(DataError):
        require_truth(_Same(dataclasses.replace(GOOD, depth=depth, valid=valid)), METRES, min_m=1e-3, max_m=10.0)


def test_require_truth__leaves_unreadable_samples_to_the_loaders_policy() -> None:
    require_truth(_Same(GOOD, unreadable=True), METRES, min_m=1e-3, max_m=10.0)


def test_require_truth__disparity_has_no_range_in_metres() -> None:
    kinds = METRES | {DepthKind.AFFINE_DISPARITY}
    disparity = dataclasses.replace(GOOD, kind=DepthKind.AFFINE_DISPARITY, depth=torch.full((8, 8), 200.0))
    require_truth(_Same(disparity), kinds, min_m=1e-3, max_m=10.0)
    with pytest.raises(ContractError, match="affine_disparity or metric depth from dataset 'toy'; got stereo_disparity"):
        require_truth(_Same(dataclasses.replace(GOOD, kind=DepthKind.STEREO_DISPARITY)), kinds, min_m=1e-3, max_m=10.0)
