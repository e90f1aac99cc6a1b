# SPDX-License-Identifier: Apache-2.0
"""Requests to stop."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from leadline.training.signals import EXIT_TERMINATED, Interrupted, listening


def send(number: int) -> bool:
    os.kill(os.getpid(), number)
    return True


def test_exit_code__is_what_a_shell_reports_for_sigterm() -> None:
    assert EXIT_TERMINATED == 128 + signal.SIGTERM == 143


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal__is_remembered_and_handlers_come_back(number: int) -> None:
    before = signal.getsignal(number)
    with listening() as request:
        assert not request.requested
        send(number)
        assert request.requested
    assert signal.getsignal(number) is before


def test_second_ctrl_c__stops_at_once() -> None:
    with listening() as request:
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        assert request.requested


def test_interruptible__is_left_at_once_and_only_inside() -> None:
    with listening() as request:
        reached = []
        with pytest.raises(Interrupted), request.interruptible():
            reached.append(send(signal.SIGTERM))
        assert not reached
        send(signal.SIGTERM)


def test_interruptible__is_left_undisturbed_by_a_second_request() -> None:
    reached = []

    def tidy_up() -> None:
        try:
            send(signal.SIGTERM)
        finally:
            reached.append(send(signal.SIGTERM))

    with listening() as request, pytest.raises(Interrupted), request.interruptible():
        tidy_up()
    assert reached == [True]


def test_interruptible__is_not_entered_after_a_request() -> None:
    with listening() as request:
        send(signal.SIGTERM)
        with pytest.raises(Interrupted), request.interruptible():
            raise AssertionError("not reached")


def test_interrupted__passes_except_exception() -> None:
    assert not issubclass(Interrupted, Exception)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 7)])
def test_forked_worker__ends_on_sigterm_and_leaves_ctrl_c_to_its_parent(number: int, code: int) -> None:
    with listening() as request:
        child = os.fork()
        if child == 0:
            send(number)
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == code
        assert not request.requested


def test_other_thread__listens_to_nothing_and_does_not_fail() -> None:
    found: list[bool] = []

    def work() -> None:
        with listening() as request:
            found.append(request.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
