# SPDX-License-Identifier: Apache-2.0
"""A function behind a button enters; the same function leaves, whose errors the page shows in one line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from html import escape
from typing import ParamSpec, TypeVar

import gradio as gr

from leadline.contracts.errors import LeadlineError

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
logger = logging.getLogger(__name__)


def told(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """A user's mistake becomes one line on the page; a defect too, with its traceback in the log."""

    @wraps(function)
    def telling(*given: Given.args, **named: Given.kwargs) -> Answer:
        try:
            return function(*given, **named)
        except LeadlineError as error:
            raise _shown_error(str(error)) from error
        except Exception as error:
            # torch's own class by name, as in cli.failures
            if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
                raise _shown_error("out of memory: use a smaller picture, smaller tiles or another model") from error
            logger.exception("a defect of ours")
            raise _shown_error(f"a defect of ours, {type(error).__name__}: the log says more; please report it") from error

    return telling


def _shown_error(line: str) -> gr.Error:
    """Escaped, for the page shows messages as HTML and names of files come from elsewhere."""
    return gr.Error(escape(line, quote=False), duration=15, print_exception=False)
