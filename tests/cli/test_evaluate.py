# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from leadline.models.head_config import RelativeHeadConfig
from tests.cli.toy import Said, save_toy, say
from tests.data.test_sintel import sintel

SMALL = ("--option", "count=2", "height=48", "width=64")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("toy"))


def evaluate(capsys: pytest.CaptureFixture[str], model: Path, *words: object) -> Said:
    return say(capsys, "evaluate", model, "--device", "cpu", *words)


def test_evaluate__prints_the_table_and_writes_every_file(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json_file, csv, markdown = (tmp_path / name for name in ("r.json", "r.csv", "r.md"))
    said = evaluate(
        capsys, model, "--dataset", "procedural", *SMALL, "--json", json_file, "--csv", csv, "--markdown", markdown
    )
    assert said.status == 0, said.err
    assert "delta1" in said.out
    assert "2 images, 0 skipped" in said.out
    result = json.loads(json_file.read_text())
    assert (result["protocol"], result["dataset"], result["images"], result["skipped"]) == ("procedural", "procedural", 2, 0)
    assert {"crop", "range_m", "alignment", "resize", "tta", "aggregation", "source"} <= set(result["settings"])
    assert result["settings"]["changed"] == []
    assert len(csv.read_text().splitlines()) == 3
    assert "| delta1 |" in markdown.read_text()


def test_evaluate__scores_what_another_runtime_says_and_records_it(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    results = []
    for runtime in ("torch", "onnx"):
        out, wanted = tmp_path / f"{runtime}.json", ("--runtime", runtime, "--precision", "fp32")
        said = evaluate(capsys, model, "--dataset", "procedural", *SMALL, *wanted, "--json", out)
        assert said.status == 0, said.err
        results.append(json.loads(out.read_text()))
    assert results[0]["metrics"] == pytest.approx(results[1]["metrics"], rel=1e-3)
    assert [one["model"].get("runtime") for one in results] == [None, "onnx"]


def test_evaluate__writes_figures_with_a_naive_guess(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = evaluate(capsys, model, "--dataset", "procedural", *SMALL, "--figures", tmp_path / "shown")
    assert said.status == 0, said.err
    assert sorted(path.name for path in (tmp_path / "shown").iterdir()) == ["result_0.png", "result_1.png"]


def test_evaluate__replaces_choices_of_the_protocol_and_records_them(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.json"
    said = evaluate(
        capsys, model, "--dataset", "procedural", *SMALL, "--protocol", "depth",
        "--range-m", "0.5", "9", "--alignment", "median", "--tta", "flip", "--crop", "full", "--json", out,
    )  # fmt: skip
    assert said.status == 0, said.err
    settings = json.loads(out.read_text())["settings"]
    assert settings["range_m"] == [0.5, 9.0]
    assert (settings["alignment"], settings["tta"]) == ("median", "flip")
    assert {"range_m", "alignment", "tta"} <= set(settings["changed"])


def test_evaluate__measures_boundaries_and_conventions_on_request(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.json"
    chosen = ("--alignment", "scale-shift-disparity", "--convention", "disp", "--boundary", "--json", out)
    said = evaluate(capsys, model, "--dataset", "procedural", *SMALL, *chosen)
    assert said.status == 0, said.err
    result = json.loads(out.read_text())
    assert 0 <= result["metrics"]["boundary_f1"] <= 1
    assert result["settings"]["changed"] == ["alignment", "boundary", "clamp", "convention"]
    assert (result["settings"]["convention"], result["settings"]["clamp"]) == ("disp", False)
    wrong = evaluate(capsys, model, "--dataset", "procedural", *SMALL, "--convention", "disp")
    assert wrong.status == 2
    assert "before convention 'disp'" in wrong.err


def test_evaluate__puts_published_numbers_beside_its_own(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    sintel(tmp_path / "training", tmp_path / "training")
    json_file, markdown = tmp_path / "r.json", tmp_path / "r.md"
    said = evaluate(
        capsys, model, "--dataset", "sintel", "--root", tmp_path, "--range-m", "1", "60",
        "--compare", "--json", json_file, "--markdown", markdown,
    )  # fmt: skip
    assert said.status == 0, said.err
    assert "Depth Anything V2 S" in said.out
    assert "measured with a range_m other than the protocol's" in said.err
    result = json.loads(json_file.read_text())
    small = [one for one in result["published"] if one["model"] == "Depth Anything V2 S"]
    assert [(one["metric"], one["published"], one["reproducible"]) for one in small] == [
        ("abs_rel", 0.5, False), ("delta1", 0.718, False),
    ]  # fmt: skip
    assert small[0]["measured"] == result["metrics"]["abs_rel"]
    assert "| zero-shot relative depth | Depth Anything V2 S | abs_rel |" in markdown.read_text()


def test_evaluate__records_which_part_of_which_data_was_scored(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for words in (SMALL, (*SMALL, "--split", "val"), (*SMALL, "seed=1")):
        said = evaluate(capsys, model, "--dataset", "procedural", *words, "--json", tmp_path / "r.json")
        assert said.status == 0, said.err
        found.append(json.loads((tmp_path / "r.json").read_text())["settings"]["data"])
    options = {"count": "2", "height": "48", "width": "64"}
    assert found == [
        {"root": None, "split": "all", "listing": None, "options": options},
        {"root": None, "split": "val", "listing": None, "options": options},
        {"root": None, "split": "all", "listing": None, "options": {**options, "seed": "1"}},
    ]


def test_evaluate__takes_the_protocol_meant_for_the_dataset(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = evaluate(capsys, model, "--dataset", "image_folder", "--root", tmp_path).mistake()
    assert "truth to score against" in line


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--dataset", "procedrual"), "did you mean procedural?"),
        (("--dataset", "procedural", "--protocol", "procedrual"), "did you mean procedural?"),
        (("--dataset", "procedural", "--alignment", "mediann"), "mediann"),
        (("--dataset", "procedural", "--crop", "egen"), "egen"),
        (("--dataset", "procedural", "--tta", "flop"), "did you mean flip?"),
        (("--dataset", "procedural", "--option", "cuont=3"), "did you mean count?"),
        (("--dataset", "procedural", "--option", "count"), "--option KEY=VALUE"),
        (("--dataset", "procedural", "--split", "tset"), "tset"),
        (("--dataset", "procedural", "--batch-size", "0"), "--batch-size"),
        (("--dataset", "procedural", "--range-m", "9", "1"), "range"),
        (("--dataset", "nyu"), "--root"),
        (("--dataset", "procedural", "--devise", "cpu"), "did you mean --device?"),
        ((), "expected --dataset"),
    ],
)
def test_evaluate__answers_a_mistake_in_one_line(
    model: Path, words: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert named in say(capsys, "evaluate", model, *words).mistake()


def test_evaluate__refuses_what_is_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = say(capsys, "evaluate", tmp_path / "nothing", "--dataset", "procedural", *SMALL).mistake()
    assert "nothing" in line


def test_evaluate__never_scores_a_relative_model_as_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save_toy(tmp_path / "relative", RelativeHeadConfig())
    line = evaluate(capsys, model, "--dataset", "procedural", *SMALL, "--protocol", "depth").mistake()
    assert "affine_disparity" in line


def test_evaluate__names_and_counts_what_it_skips(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = labelled_folder_with_a_broken_picture(tmp_path, capsys)
    words = (model, "--dataset", "labelled_folder", "--root", root, "--option", "scale=0.001")
    assert "1.png" in evaluate(capsys, *words).mistake()
    out = tmp_path / "r.json"
    said = evaluate(capsys, *words, "--on-unreadable", "skip", "--json", out)
    assert said.status == 0, said.err
    assert "1 images, 1 skipped" in said.out
    assert "skipped" in said.err
    assert "1.png" in said.err
    assert json.loads(out.read_text())["skipped"] == 1


def labelled_folder_with_a_broken_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    import numpy as np
    from PIL import Image

    root = tmp_path / "own"
    for name in ("image", "depth"):
        (root / name).mkdir(parents=True)
    for index in range(2):
        Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(root / "image" / f"{index}.png")
        Image.fromarray(np.full((48, 64), 1500 + index, np.uint16)).save(root / "depth" / f"{index}.png")
    (root / "image" / "1.png").write_bytes((root / "image" / "1.png").read_bytes()[:60])
    capsys.readouterr()
    return root
