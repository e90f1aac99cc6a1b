# SPDX-License-Identifier: Apache-2.0
"""Streams side by side."""

from __future__ import annotations

import itertools

import pytest

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field
from leadline.training.streams import batches_per_epoch, check_needs, joined
from tests.training.toy import ToyStream

NEEDS = {"train": frozenset({Field.DEPTH})}


def keys(streams: dict[str, ToyStream], epoch: int, first: int) -> list[dict[str, str]]:
    return [{name: b.keys[0] for name, b in batches.items()} for batches in joined(streams, epoch, first)]


def test_epoch__is_one_pass_over_the_longest_stream() -> None:
    assert batches_per_epoch({"a": ToyStream(steps_per_epoch=3), "b": ToyStream(steps_per_epoch=7)}) == 7


def test_joined__lets_shorter_streams_go_round() -> None:
    streams = {"long": ToyStream(steps_per_epoch=5), "short": ToyStream(steps_per_epoch=2)}
    assert keys(streams, 0, 0) == [
        {"long": "0/0/0", "short": "0/0/0"},
        {"long": "0/1/0", "short": "0/1/0"},
        {"long": "0/2/0", "short": "1/0/0"},
        {"long": "0/3/0", "short": "1/1/0"},
        {"long": "0/4/0", "short": "2/0/0"},
    ]
    assert keys(streams, 1, 0)[0] == {"long": "1/0/0", "short": "2/1/0"}


@pytest.mark.parametrize("epoch", [0, 1, 2])
@pytest.mark.parametrize("first", range(6))
def test_joined__goes_on_from_any_position_as_if_never_interrupted(epoch: int, first: int) -> None:
    streams = {"long": ToyStream(steps_per_epoch=5), "short": ToyStream(steps_per_epoch=3)}
    assert keys(streams, epoch, first) == keys(streams, epoch, 0)[first:]


class Promising(ToyStream):
    """Keeps another number of batches than it promises."""

    kept = 0

    def batches(self, epoch: int, first_step: int = 0):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return (self.batch(epoch, step) for step in range(first_step, self.kept))


@pytest.mark.parametrize(("kept", "got"), [(0, "got 0 and no more"), (4, "got 4 and no more"), (6, "got more")])
def test_joined__refuses_a_stream_that_breaks_its_promise(kept: int, got: str) -> None:
    stream = Promising(steps_per_epoch=5)
    stream.kept = kept
    with pytest.raises(ContractError, match=got):
        list(joined({"a": stream}, 0, 0))


def test_joined__exhausts_a_source_with_its_last_batch() -> None:
    exhausted = []

    class Watched(ToyStream):
        def batches(self, epoch: int, first_step: int = 0):  # type: ignore[no-untyped-def]  # noqa: ANN202
            yield from super().batches(epoch, first_step)
            exhausted.append(epoch)

    list(itertools.islice(joined({"a": Watched(steps_per_epoch=3)}, 4, 0), 3))
    assert exhausted == [4]


def test_check_needs__accepts_streams_that_carry_more() -> None:
    check_needs(NEEDS, {"train": ToyStream(provides=frozenset({Field.DEPTH, Field.CAMERA}))})


def test_check_needs__names_the_lacking_field_and_what_there_is() -> None:
    with pytest.raises(ContractError, match=r"'train' to carry DEPTH; got CAMERA"):
        check_needs(NEEDS, {"train": ToyStream(provides=frozenset({Field.CAMERA}))})
    with pytest.raises(ContractError, match=r"images only"):
        check_needs(NEEDS, {"train": ToyStream(provides=frozenset())})


def test_check_needs__names_missing_and_unknown_streams() -> None:
    with pytest.raises(ContractError, match=r"\['train'\]; got \['unlabelled'\]"):
        check_needs(NEEDS, {"unlabelled": ToyStream()})


def test_check_needs__refuses_an_empty_stream() -> None:
    with pytest.raises(ContractError, match="at least one batch"):
        check_needs(NEEDS, {"train": ToyStream(steps_per_epoch=0)})
