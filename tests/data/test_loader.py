# SPDX-License-Identifier: Apache-2.0
"""Loader: order, augmentation, resumption, ranks, unreadable samples, worker processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Batch, Field, Sample
from leadline.data.loader import LoaderSettings, SampleStream
from leadline.data.mixture import Mixture
from leadline.data.unreadable import OnUnreadable
from tests.data.memory_dataset import MemoryDataset


class Jitter:
    """Adds one random number to the picture."""

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        return replace(sample, image=sample.image + torch.rand((), generator=generator))


def stream(
    dataset: MemoryDataset | Mixture,
    *,
    batch: int = 4,
    workers: int = 0,
    shuffle: bool = True,
    skip: OnUnreadable = "stop",
    ranks: tuple[int, int] = (0, 1),
) -> SampleStream:
    settings = LoaderSettings(
        batch_size=batch, workers=workers, seed=5, on_unreadable=skip, rank=ranks[0], world=ranks[1], pin_memory=False
    )
    return SampleStream(dataset, Jitter(), settings, shuffle=shuffle)


def keys(batches: list[Batch]) -> list[tuple[str, ...]]:
    return [batch.keys for batch in batches]


def same(first: list[Batch], second: list[Batch]) -> bool:
    pairs = list(zip(first, second, strict=True))
    return bool(pairs) and all(a.keys == b.keys and torch.equal(a.image, b.image) for a, b in pairs)


def test_stream__gives_the_same_batches_with_any_number_of_workers() -> None:
    alone, one, four = (stream(MemoryDataset(23), workers=workers) for workers in (0, 1, 4))
    for epoch in (0, 1, 3):
        expected = list(alone.batches(epoch))
        assert same(expected, list(one.batches(epoch)))
        assert same(expected, list(four.batches(epoch)))


def test_stream__shuffles_each_epoch_anew_and_drops_the_incomplete_batch() -> None:
    source = stream(MemoryDataset(23))
    first, second = list(source.batches(0)), list(source.batches(1))
    assert source.steps_per_epoch == len(first) == len(second) == 5
    assert keys(first) != keys(second)
    assert len({key for batch in first for key in batch.keys}) == 20
    assert same(first, list(source.batches(0)))


def test_stream__order_and_augmentation_depend_on_the_seed() -> None:
    other = SampleStream(MemoryDataset(23), Jitter(), LoaderSettings(batch_size=4, seed=6), shuffle=True)
    ours = list(stream(MemoryDataset(23)).batches(0))
    assert keys(ours) != keys(list(other.batches(0)))
    unshuffled = [
        next(SampleStream(MemoryDataset(4), Jitter(), LoaderSettings(batch_size=4, seed=s), shuffle=False).batches(0))
        for s in (1, 2)
    ]
    assert unshuffled[0].keys == unshuffled[1].keys
    assert not torch.equal(unshuffled[0].image, unshuffled[1].image)


def test_stream__augments_every_position_and_epoch_differently() -> None:
    source = stream(MemoryDataset(8), shuffle=False)
    offsets = [
        float(picture.mean()) - int(key) / 1000
        for epoch in (0, 1)
        for batch in source.batches(epoch)
        for picture, key in zip(batch.image, batch.keys, strict=True)
    ]
    assert len({round(offset, 5) for offset in offsets}) == 16


@pytest.mark.parametrize("workers", [0, 2])
def test_stream__resumes_mid_epoch_without_reading_what_was_done(workers: int, tmp_path: Path) -> None:
    whole = list(stream(MemoryDataset(24)).batches(2))
    log = tmp_path / "reads"
    assert same(whole[4:], list(stream(MemoryDataset(24, log=log), workers=workers).batches(2, first_step=4)))
    assert len(log.read_text().splitlines()) == 8


def test_stream__can_be_left_mid_epoch_and_begun_again_with_workers() -> None:
    source = stream(MemoryDataset(40), workers=2)
    expected = list(stream(MemoryDataset(40)).batches(7))
    left = source.batches(0)
    next(left)
    assert same(expected, list(source.batches(7)))


def test_ranks__share_the_batch_of_one_process_in_contiguous_parts() -> None:
    whole = list(stream(MemoryDataset(26), batch=6).batches(1))
    parts = [list(stream(MemoryDataset(26), batch=2, ranks=(rank, 3)).batches(1)) for rank in range(3)]
    for step, batch in enumerate(whole):
        joined = [part[step] for part in parts]
        assert batch.keys == sum((part.keys for part in joined), ())
        assert torch.equal(batch.image, torch.cat([part.image for part in joined]))
    assert [len(part) for part in parts] == [len(whole)] * 3 == [4, 4, 4]


@pytest.mark.parametrize("workers", [0, 2])
def test_validation__covers_every_sample_once_in_order_with_a_smaller_last_batch(workers: int) -> None:
    source = stream(MemoryDataset(10), shuffle=False, workers=workers)
    batches = list(source.batches(0))
    assert [len(batch.keys) for batch in batches] == [4, 4, 2]
    assert source.steps_per_epoch == 3
    assert [key for batch in batches for key in batch.keys] == [f"{i:04d}" for i in range(10)]


def test_validation__covers_every_sample_once_over_ranks() -> None:
    parts = [list(stream(MemoryDataset(9), batch=2, shuffle=False, ranks=(rank, 2)).batches(0)) for rank in range(2)]
    assert sorted(key for part in parts for batch in part for key in batch.keys) == [f"{i:04d}" for i in range(9)]


@pytest.mark.parametrize("workers", [0, 2])
def test_unreadable_stop__raises_the_datasets_own_error(workers: int) -> None:
    source = stream(MemoryDataset(8, broken=frozenset({3})), workers=workers, shuffle=False)
    with pytest.raises(DataError, match=r"memory/0003\.png, truncated; restore it") as caught:
        list(source.batches(0))
    assert "Traceback" not in str(caught.value)
    assert caught.value.got == "memory/0003.png, truncated"


@pytest.mark.parametrize("workers", [0, 2])
def test_unreadable_skip__takes_the_next_readable_sample_and_names_the_skipped(workers: int) -> None:
    dataset = MemoryDataset(8, broken=frozenset({3, 4, 7}))
    source = stream(dataset, workers=workers, skip="skip", batch=8)
    whole = [int(key) for key in next(iter(stream(MemoryDataset(8), batch=8).batches(0))).keys]
    (batch,) = source.batches(0)
    assert [int(key) for key in batch.keys] == [{3: 5, 4: 5, 7: 0}.get(item, item) for item in whole]
    assert sorted(source.skipped) == ["memory/0003", "memory/0004", "memory/0007"]
    list(source.batches(1))
    assert len(source.skipped) == 3


def test_unreadable_skip__leaves_samples_out_of_a_validation() -> None:
    source = stream(MemoryDataset(8, broken=frozenset({3, 4, 5, 6, 7})), skip="skip", shuffle=False)
    assert keys(list(source.batches(0))) == [("0000", "0001", "0002")]
    assert len(source.skipped) == 5


@pytest.mark.parametrize("workers", [0, 1])
def test_unreadable_skip__fails_when_nothing_can_be_read(workers: int) -> None:
    source = stream(MemoryDataset(8, broken=frozenset(range(8))), skip="skip", workers=workers)
    with pytest.raises(
        DataError, match=r"readable sample in dataset 'memory'; got 8 unreadable in a row, the last: .*truncated"
    ):
        list(source.batches(0))


def test_mixture__is_read_in_its_own_order() -> None:
    mixture = Mixture([MemoryDataset(6, name="a"), MemoryDataset(9, name="b")], [1, 3], seed=3, epoch_length=16)
    batches = list(stream(mixture, workers=1).batches(0))
    drawn = [mixture.draw(0, position) for position in range(16)]
    assert [name for batch in batches for name in batch.datasets] == ["ab"[chosen] for chosen, _ in drawn]
    assert [int(key) for batch in batches for key in batch.keys] == [item for _, item in drawn]


def test_stream__refuses_what_cannot_be_meant() -> None:
    with pytest.raises(UsageError, match=r"got 3; use --batch-size of at most 3"):
        stream(MemoryDataset(3))
    with pytest.raises(UsageError, match="--batch-size of at most 2"):
        stream(MemoryDataset(5), ranks=(1, 2))
    with pytest.raises(DataError, match="at least one sample in dataset 'memory'"):
        stream(MemoryDataset(0), shuffle=False)
    with pytest.raises(UsageError, match="validate on each dataset"):
        stream(Mixture([MemoryDataset(3)], [1], seed=0), shuffle=False)


@pytest.mark.parametrize(
    "wrong",
    [{"batch_size": 0}, {"workers": -1}, {"ahead": 0}, {"seed": -1}, {"rank": 2, "world": 2}, {"rank": -1}, {"world": 0}],
)
def test_settings__refuse_what_cannot_be_meant(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="correct the loader settings"):
        LoaderSettings(**{"batch_size": 2, **wrong})  # type: ignore[arg-type]


def test_stream__provides_what_its_dataset_does_and_what_its_transform_adds() -> None:
    dataset, settings = MemoryDataset(4), LoaderSettings(batch_size=2)
    plain = SampleStream(dataset, None, settings, shuffle=True)
    assert plain.provides == dataset.provides
    more = SampleStream(dataset, None, settings, shuffle=True, adds=frozenset({Field.VIEWS}))
    assert more.provides == dataset.provides | {Field.VIEWS}


def test_workers__read_as_far_ahead_as_they_are_told() -> None:
    found = SampleStream(MemoryDataset(40), None, LoaderSettings(batch_size=2, workers=1, ahead=3), shuffle=True)
    assert found._loader is not None
    assert found._loader.prefetch_factor == 3


def test_workers__have_one_thread_each_and_stay_for_the_next_epoch(tmp_path: Path) -> None:
    log = tmp_path / "reads"
    source = stream(MemoryDataset(16, log=log), workers=2)
    list(source.batches(0))
    list(source.batches(1))
    lines = [line.split() for line in log.read_text().splitlines()]
    assert len({process for process, _, _ in lines}) == 2
    assert str(os.getpid()) not in {process for process, _, _ in lines}
    assert {threads for _, _, threads in lines} == {"1"}


def test_workers__more_than_there_are_cpus_are_neither_started_nor_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = stream(MemoryDataset(16), workers=8)
        batches = list(source.batches(0))
    assert source._loader is not None
    assert source._loader.num_workers == 1
    assert same(batches, list(stream(MemoryDataset(16), workers=0).batches(0)))


def test_workers__leave_the_global_random_state_alone() -> None:
    torch.manual_seed(3)
    list(stream(MemoryDataset(16), workers=1).batches(0))
    after_workers = torch.rand(())
    torch.manual_seed(3)
    list(stream(MemoryDataset(16)).batches(0))
    assert torch.rand(()) == after_workers


_PROGRAM = """
import os, signal, sys, time
from leadline.data.loader import LoaderSettings, SampleStream
from tests.data.memory_dataset import MemoryDataset
class Slow(MemoryDataset):
    def __getitem__(self, index):
        time.sleep(0.02)
        return super().__getitem__(index)
born = []
def late(): # the second worker, as on a busy machine, is still starting when the first has delivered
    if len(born) == 2:
        time.sleep(1)
os.register_at_fork(before=lambda: born.append(True), after_in_child=late)
stopped = []
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
stream = SampleStream(Slow(4000), None, LoaderSettings(batch_size=2, workers=2), shuffle=True)
try:
    stopped_at = 0
    for step, batch in enumerate(stream.batches(0)):
        print("step", step, flush=True)
        stopped_at = step if not stopped else stopped_at
        if stopped and "fail" in sys.argv:
            raise MemoryError
        if stopped and step > stopped_at + 5:
            sys.exit(143)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="signals to a process group, as Linux schedulers send them")
@pytest.mark.parametrize(("number", "ending", "code"), [(signal.SIGINT, "save", 130), (signal.SIGTERM, "save", 143)])
def test_signal_to_the_group__is_answered_by_the_main_process_alone_without_a_traceback(
    number: int, ending: str, code: int
) -> None:
    assert _signal_the_group(number, ending, code) == b""


@pytest.mark.skipif(sys.platform != "linux", reason="signals to a process group, as Linux schedulers send them")
def test_signal_to_the_group__does_not_keep_a_main_process_that_fails_waiting_for_a_worker_that_is_still_starting() -> None:
    # The worker's pending signal hides that of its parent, for which the interpreter would wait at its end.
    assert _signal_the_group(signal.SIGTERM, "fail", 1).endswith(b"MemoryError\n")


def _signal_the_group(number: int, ending: str, code: int) -> bytes:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, ending],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, number)
    errors: bytes = process.communicate(timeout=120)[1]
    assert process.returncode == code
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    return errors
