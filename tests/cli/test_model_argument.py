# SPDX-License-Identifier: Apache-2.0
"""MODEL is one positional word, explained alike by every verb that takes one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from leadline.cli.arguments import parse
from leadline.cli.model_argument import Model, ServedModel
from leadline.contracts.model_forms import MODEL_FORMS, SERVED_FORMS


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """Load a model."""

    model: Model


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """Ask a model."""

    model: ServedModel


@pytest.mark.parametrize("verb", [Loading, Asking])
def test_model_argument__is_taken_by_its_place_and_as_it_was_typed(verb: type[Loading | Asking]) -> None:
    for word in ("runs/a", "hf:org/name@v1", "depth-anything-v2-small"):
        assert parse(verb, [word], prog="leadline toy").value.model == word


@pytest.mark.parametrize(("verb", "forms"), [(Loading, MODEL_FORMS), (Asking, SERVED_FORMS)])
def test_model_argument__help_says_what_may_be_typed(
    verb: type[Loading | Asking], forms: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        parse(verb, ["--help"], prog="leadline toy")
    assert left.value.code == 0
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "MODEL" in words
    assert "".join(forms.split()) in "".join(words.split())


def test_model_argument__what_can_be_loaded_can_be_asked_too() -> None:
    assert SERVED_FORMS != MODEL_FORMS
    assert len(SERVED_FORMS) > len(MODEL_FORMS)
