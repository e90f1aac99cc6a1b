# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from leadline.cli.main import main
from leadline.contracts.model_forms import MODEL_FORMS, SERVED_FORMS, WEIGHT_SUFFIXES

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    ("verb", "forms"),
    [("predict", SERVED_FORMS), ("evaluate", MODEL_FORMS), ("export", MODEL_FORMS), ("calibrate", MODEL_FORMS)],
)
def test_forms__stand_in_the_help_of_each_verb_that_takes_a_model(
    verb: str, forms: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([verb, "--help"])
    shown = "".join(character for character in capsys.readouterr().out if character not in " \n│")
    assert f"{forms}.".replace(" ", "") in shown


def test_forms__stand_in_the_readme() -> None:
    said = README.read_text().replace("`", "").replace("\n", " ")
    for form in (
        *WEIGHT_SUFFIXES,
        "a run folder",
        "a checkpoint folder",
        "a folder of transformers",
        "random:PRESET",
        ".onnx",
    ):
        assert form in said, form
