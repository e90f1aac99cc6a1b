# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from leadline.cli.predict import PredictArguments
from leadline.cli.predict_checks import check, named_formats, tile_side_px
from leadline.contracts.errors import UsageError
from tests.cli.toy import say


def arguments(**given: object) -> PredictArguments:
    return PredictArguments(model="m", inputs=(Path("a.png"),), out=Path("out"), **given)  # type: ignore[arg-type]


def test_named_formats__takes_commas_with_or_without_spaces() -> None:
    assert named_formats(arguments(save="npy, ply,,color ")) == ["npy", "ply", "color"]


def test_tile_side__is_a_number_or_nothing() -> None:
    assert [tile_side_px(word) for word in ("auto", "off", "512")] == [None, None, 512]
    with pytest.raises(UsageError, match="--tile auto, off or the side"):
        tile_side_px("-3")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"right": Path("r.png")}, "--mode beside --right; got none"),
        ({"baseline": 0.1}, "--mode beside --baseline"),
        ({"post_processing": "flip"}, "--mode beside --post-processing"),
        ({"unit": "px"}, "--mode beside --unit"),
        ({"mode": "refined", "right": Path("r.png")}, "no --right with --mode refined; got it; use --mode stereo"),
        ({"mode": "refined", "tta": "flip"}, "no --tta with --mode refined; got it; use --post-processing"),
        ({"mode": "stereo", "runtime": "onnx"}, "no --runtime with --mode stereo"),
        ({"mode": "stereo", "tile": "256"}, "no --tile with --mode stereo"),
        ({"mode": "stereo", "stable": True}, "no --video or --stable with --mode stereo"),
        ({"mode": "mono", "panorama": True}, "no --panorama with --mode mono"),
        ({"mode": "mono", "architecture": "x"}, "no --architecture with --mode mono"),
        ({"fov": 60, "intrinsics": (1, 1, 1, 1)}, "--fov or --intrinsics"),
        ({"save": "gif"}, "formats among"),
    ],
)
def test_check__refuses_what_does_not_go_together(given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check(arguments(**given))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"mode": "mono", "tile": "256", "unit": "m", "post_processing": "blend"},
        {"mode": "stereo", "right": Path("r.png"), "baseline": 0.1, "fov": 60.0},
        {"mode": "refined", "video": True, "stable": True},
    ],
)
def test_check__lets_pass_what_does(given: dict[str, object]) -> None:
    check(arguments(**given))


def test_check__comes_before_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = say(capsys, "predict", "no-such-model", tmp_path, "--out", tmp_path / "out", "--baseline", "0.5")
    assert "--mode beside --baseline" in said.mistake()
