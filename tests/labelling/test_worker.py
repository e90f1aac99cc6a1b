# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path

import pytest
import torch

from leadline.data.label_folder import done_shards
from leadline.labelling import worker as module
from leadline.labelling.job import begin_or_join
from leadline.labelling.worker import Defect, Done, Failed, Labelled, Opened, work
from leadline.models.head_config import RelativeHeadConfig
from tests.cli.toy import save_toy
from tests.labelling.toys import request_for, shards_of, write_pictures


@pytest.fixture(autouse=True)
def _process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "suit_dense_work", lambda: None)
    handler, threads = signal.getsignal(signal.SIGINT), torch.get_num_threads()
    yield
    signal.signal(signal.SIGINT, handler)
    torch.set_num_threads(threads)


def test_work__opens_labels_and_goes_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TELL_EVERY_S", 0.0)
    model = save_toy(tmp_path / "toy", RelativeHeadConfig())
    request = request_for(write_pictures(tmp_path / "pictures", 2), tmp_path / "out", model=str(model))
    from leadline.labelling.labeller import Labeller

    job = begin_or_join(request, Labeller(request).facts())
    ours, theirs = Pipe()
    ours.send((shards_of(request)[0], job))
    ours.send(None)
    work(theirs, request, 0)
    said = [ours.recv() for _ in range(4)]
    assert [type(one) for one in said] == [Opened, Labelled, Labelled, Done]
    assert said[-1].record.labels == 2
    assert done_shards(request.out) == {0}
    assert not ours.poll()


def test_work__a_model_that_is_not_there_is_the_users_mistake(tmp_path: Path) -> None:
    request = request_for(tmp_path / "pictures", tmp_path / "out", model=str(tmp_path / "nowhere"))
    ours, theirs = Pipe()
    work(theirs, request, 0)
    said = ours.recv()
    assert isinstance(said, Failed)
    assert "nowhere" in str(said.error)


@pytest.mark.parametrize(("raised", "kind"), [(MemoryError(), Failed), (ZeroDivisionError("oh"), Defect)])
def test_work__tells_too_little_memory_from_a_defect(
    tmp_path: Path, raised: Exception, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise raised

    monkeypatch.setattr(module, "_serve", fails)
    ours, theirs = Pipe()
    work(theirs, replace(request_for(tmp_path / "p", tmp_path / "o")), 0)
    said = ours.recv()
    assert type(said) is kind
    text = str(said.error) if isinstance(said, Failed) else str(said)
    assert ("memory" if kind is Failed else "ZeroDivisionError: oh") in text
