# SPDX-License-Identifier: Apache-2.0
"""Every kind of file at every door for weights: what does not belong is one line and exit 2, never a wrong model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from PIL import Image
from torch import nn

from leadline.cli.main import main
from leadline.contracts.errors import LeadlineError
from leadline.models.config import DepthModelConfig, v1_taps
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import MetricBinsHeadConfig, RoutedBinsHeadConfig, SigmoidHeadConfig
from leadline.models.presets import PRESETS
from leadline.models.weight_writers import Layout, write_weights
from leadline.models.weights import initialise_from, load_model
from tests.models.jepa_reference import ReferenceNetwork
from tests.models.payload import Payload
from tests.portable_echo import description, echo_network, write_echo

# Toys of other widths under published names, as no two published families share all their shapes; but for twins, below.
FAMILIES = {
    "depth-anything-v2-small": DepthModelConfig(encoder="dinov2-toy"),
    "depth-anything-v1-base": DepthModelConfig(encoder="dinov2-nano", taps=v1_taps("dinov2-nano")),
    "depth-anything-v2-metric-indoor-giant": DepthModelConfig(encoder="dinov2-toy-swiglu", head=SigmoidHeadConfig()),
    "zoedepth-depth-anything-indoor": DepthModelConfig(encoder="dinov2-toy", head=MetricBinsHeadConfig(compat=True)),
    "zoedepth-nyu": DepthModelConfig(encoder="beit-toy", head=MetricBinsHeadConfig(compat=True)),
    "zoedepth-nyu-kitti": DepthModelConfig(encoder="beit-toy", head=RoutedBinsHeadConfig(compat=True)),
}
HUGGING_FACE = "zoedepth-nyu"
Maker = Callable[[Path], Path]


def official(name: str) -> Maker:
    def make(folder: Path) -> Path:
        write_weights(DepthModel(FAMILIES[name]), folder / "stranger.pth", layout="official")
        return folder / "stranger.pth"

    return make


def states(build: Callable[[], nn.Module]) -> Maker:
    def make(folder: Path) -> Path:
        torch.save(build().state_dict(), folder / "stranger.pth")
        return folder / "stranger.pth"

    return make


def in_folder(name: str, layout: Layout) -> Maker:
    def make(folder: Path) -> Path:
        write_weights(DepthModel(FAMILIES[name]), folder / "stranger", layout=layout)
        return folder / "stranger"

    return make


def bare(name: str) -> Maker:
    """Our tensors without our description."""

    def make(folder: Path) -> Path:
        stored = in_folder(name, "leadline")(folder) / "model.safetensors"
        return Path(shutil.copy(stored, folder / "stranger.safetensors"))

    return make


def truncated(folder: Path) -> Path:
    path = bare("depth-anything-v2-small")(folder)
    path.write_bytes(path.read_bytes()[:-100])
    return path


def picture(folder: Path, name: str = "stranger.png") -> Path:
    Image.new("RGB", (32, 32)).save(folder / name, format="png")
    return folder / name


def payload(folder: Path) -> Path:
    torch.save({"model": {"weight": Payload(folder / "run")}}, folder / "stranger.pth")
    return folder / "stranger.pth"


def text(folder: Path) -> Path:
    (folder / "stranger.pth").write_text("version https://git-lfs.github.com/spec/v1\n")
    return folder / "stranger.pth"


def empty_folder(folder: Path) -> Path:
    (folder / "stranger").mkdir()
    return folder / "stranger"


def jepa(folder: Path) -> Path:
    """A checkpoint of the JEPA-depth reference, which says itself what it is."""
    network = ReferenceNetwork("test_vit", 4)
    torch.save({"model_state_dict": network.state_dict(), "args": {"model": "test_vit"}}, folder / "stranger.pth")
    return folder / "stranger.pth"


DESCRIBED = {"hugging face folder": "beit-toy", "our folder": "beit-toy", "jepa": "timm:test_vit"}
FILES: dict[str, Maker] = {
    "jepa": jepa,
    **{name: official(name) for name in FAMILIES},
    "dinov2 hub": states(lambda: DepthModel(FAMILIES["depth-anything-v2-small"]).encoder),
    "timm vit": states(lambda: timm.create_model("vit_tiny_patch16_224", depth=2)),
    "timm resnet": states(lambda: timm.create_model("resnet10t")),
    "hugging face folder": in_folder(HUGGING_FACE, "hugging-face"),
    "our folder": in_folder(HUGGING_FACE, "leadline"),
    "our tensors alone": bare("depth-anything-v2-small"),
    "onnx": lambda folder: write_echo(folder / "stranger.onnx", description()),
    "picture": picture,
    "picture called .pth": lambda folder: picture(folder, "stranger.pth"),
    "picture called .safetensors": lambda folder: picture(folder, "stranger.safetensors"),
    "pickle with a payload": payload,
    "truncated safetensors": truncated,
    "text": text,
    "empty folder": empty_folder,
}
# Which families a file may be loaded as: its own, and nobody else's.
BELONGS = {
    **{name: name for name in FAMILIES},
    "hugging face folder": HUGGING_FACE,
    "our folder": HUGGING_FACE,
    "our tensors alone": "depth-anything-v2-small",
}
# Files that hold a whole encoder of one of our sizes may start training with that encoder.
# The giant's toy differs from another by its feed-forward layers alone, which no published encoder does: it is left out.
STARTS = {
    "dinov2-toy": {
        "depth-anything-v2-small",
        "zoedepth-depth-anything-indoor",
        "dinov2 hub",
        "our tensors alone",
    },
    "dinov2-nano": {"depth-anything-v1-base"},
    "beit-toy": {"zoedepth-nyu", "zoedepth-nyu-kitti", "hugging face folder", "our folder"},
    "timm:resnet10t": {"timm resnet"},
}
STRANGERS = [file for file in FILES if file != "depth-anything-v2-metric-indoor-giant"]


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, config in FAMILIES.items():
        template = PRESETS.get(name, PRESETS["depth-anything-v2-small"])
        monkeypatch.setitem(PRESETS, name, replace(template, name=name, config=config))


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("file", FILES)
def test_load_model__takes_a_file_as_its_own_family_only(file: str, tmp_path: Path) -> None:
    path = FILES[file](tmp_path)
    for family, config in FAMILIES.items():
        if BELONGS.get(file) == family:
            loaded = load_model(path, architecture=family).config
            assert (loaded.encoder, type(loaded.head)) == (config.encoder, type(config.head))
            continue
        with pytest.raises(LeadlineError) as refusal:
            load_model(path, architecture=family)
        assert "\n" not in str(refusal.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("file", FILES)
def test_load_model__without_a_word_takes_only_what_describes_itself(file: str, tmp_path: Path) -> None:
    path = FILES[file](tmp_path)
    if file in DESCRIBED:
        assert load_model(path).config.encoder == DESCRIBED[file]
        return
    with pytest.raises(LeadlineError) as refusal:
        load_model(path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("file", STRANGERS)
def test_initialise_from__takes_whole_encoders_only_and_else_changes_nothing(file: str, tmp_path: Path) -> None:
    path = FILES[file](tmp_path)
    for encoder, welcome in STARTS.items():
        model = DepthModel(DepthModelConfig(encoder=encoder))
        before = {name: value.clone() for name, value in model.state_dict().items()}
        if file in welcome:
            report = initialise_from(model, path, version="v1" if file == "depth-anything-v1-base" else "v2")
            assert not [name for name in report.missing if name.startswith("encoder.")]
            continue
        with pytest.raises(LeadlineError) as refusal:
            initialise_from(model, path, version="v2")
        assert "\n" not in str(refusal.value)
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not (tmp_path / "run").exists()


REFUSED = [file for file in FILES if file not in {*DESCRIBED, "onnx"}]


@pytest.mark.parametrize("file", REFUSED)
def test_predict__of_a_model_that_is_none_is_one_line_and_exit_2(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = picture(tmp_path, "photo.png")
    assert main(["predict", str(FILES[file](tmp_path)), str(seen), "--out", str(tmp_path / "out")]) == 2
    assert_one_line(capsys.readouterr().err)
    assert not list((tmp_path / "out").glob("**/*.npy"))


@pytest.mark.parametrize("recipe", ["metric", "relative"])
@pytest.mark.parametrize("file", [file for file in STRANGERS if file not in STARTS["dinov2-toy"]])
def test_train__from_a_checkpoint_that_is_none_is_one_line_and_exit_2(
    file: str, recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--pretrained-checkpoint", str(FILES[file](tmp_path)), "--save-dir", str(tmp_path / "runs")]
    data = ["--datasets", "procedural", "--num-workers", "0", "--device", "cpu"]
    assert main(["train", recipe, "--encoder", "dinov2-toy", "--pretrained-version", "v2", *data, *given]) == 2
    assert_one_line(capsys.readouterr().err)
    assert not list(tmp_path.glob("runs/**/*.safetensors"))


def foreign_graph(folder: Path) -> Path:
    """An ONNX file of somebody else's: it runs, and says nothing of Leadline."""
    pytest.importorskip("onnx").save_model(echo_network(), str(folder / "stranger.onnx"))
    return folder / "stranger.onnx"


VERBS = {
    "calibrate": ["--points", "points.csv", "--out", "out"],
    "evaluate": ["--dataset", "procedural", "--json", "out"],
    "export": ["--to", "leadline", "--out", "out"],
    "app": ["--port", "17860"],
}
WRONG = {name: FILES[name] for name in ("picture", "pickle with a payload", "truncated safetensors")}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("file", [*WRONG, "foreign onnx"])
def test_every_verb__given_what_is_no_model_is_one_line_and_exit_2(
    file: str, verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("leadline.web.server.serve", lambda *_: pytest.fail("it was served"))
    picture(tmp_path, "photo.png")
    Path("points.csv").write_text("image,x,y,depth_m\n" + "".join(f"photo.png,{x},3,{x + 1.0}\n" for x in range(9)))
    path = WRONG.get(file, foreign_graph)(tmp_path)
    declared = ["--architecture", "depth-anything-v2-small"] if path.suffix in {".pth", ".safetensors"} else []
    assert main([verb, str(path), *VERBS[verb], *declared]) == 2
    said = capsys.readouterr()
    assert_one_line(said.err)
    assert (path.name in said.err, said.out) == (True, "")
    assert not Path("out").exists()
    assert not Path("run").exists()


def assert_one_line(said: str) -> None:
    errors = [line for line in said.splitlines() if "expected" in line]
    assert len(errors) == 1, said
    assert "Traceback" not in said
