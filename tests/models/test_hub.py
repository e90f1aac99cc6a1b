# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub import errors
from PIL import Image

from leadline.contracts.errors import WeightsError
from leadline.models import depth_model, hub
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.hub import HubName, fetch, parse_hub_name
from leadline.models.weight_writers import write_weights
from leadline.models.weights import _say_licence, initialise_from, load_model, save_model

ANSWER: Any = SimpleNamespace(headers={}, request=None)


def toy() -> DepthModel:
    return DepthModel(DepthModelConfig(encoder="dinov2-toy"))


def same(first: DepthModel, second: DepthModel) -> bool:
    return all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


def serve(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[tuple[str, str, str | None]]:
    """A hub with one repository, ``folder``; what it was asked for."""
    asked: list[tuple[str, str, str | None]] = []

    def download(repo_id: str, filename: str, revision: str | None = None, **_options: object) -> str:
        asked.append((repo_id, filename, revision))
        if not (folder / filename).is_file():
            raise errors.RemoteEntryNotFoundError(f"404: {filename}", response=ANSWER)
        return str(folder / filename)

    monkeypatch.setattr(hub, "hf_hub_download", download)
    monkeypatch.setattr(depth_model, "hf_hub_download", download)
    return asked


NAMES = {
    "hf:org/name": HubName(repo="org/name"),
    "hf:org/name@v1.0": HubName(repo="org/name", revision="v1.0"),
    "hf:org/name/a.pth": HubName(repo="org/name", file="a.pth"),
    "hf:o-r.g/n_a/sub/a.pth@refs/pr/1": HubName(repo="o-r.g/n_a", file="sub/a.pth", revision="refs/pr/1"),
}


@pytest.mark.parametrize("name", NAMES)
def test_parse_hub_name__takes_repository_file_and_revision_apart(name: str) -> None:
    assert parse_hub_name(name) == NAMES[name]


@pytest.mark.parametrize("name", ["hf:", "hf:name", "hf:org/", "hf:org/name@", "hf:org/na me", "hf:org/name/a@b@c"])
def test_parse_hub_name__says_what_a_name_looks_like(name: str) -> None:
    with pytest.raises(WeightsError, match="hf:ORG/NAME@REVISION"):
        parse_hub_name(name)


def test_load_model__fetches_a_hugging_face_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy()
    write_weights(model, tmp_path, layout="hugging-face")
    asked = serve(monkeypatch, tmp_path)
    assert same(load_model("hf:org/name@main"), model)
    assert ("org/name", "model.safetensors", "main") in asked


def test_load_model__fetches_our_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy()
    save_model(tmp_path, model)
    asked = serve(monkeypatch, tmp_path)
    assert same(load_model("hf:org/name"), model)
    assert ("org/name", "config.json", None) not in asked


def test_load_model__fetches_a_named_file_whose_name_says_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = DepthModel(DepthModelConfig())
    write_weights(model, tmp_path / "depth_anything_v2_vits.pth", layout="official")
    serve(monkeypatch, tmp_path)
    assert same(load_model("hf:org/name/depth_anything_v2_vits.pth"), model)
    with pytest.raises(WeightsError, match=r"no other\.pth there"):
        load_model("hf:org/name/other.pth")


def test_initialise_from__fetches_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, model = toy(), toy()
    write_weights(source, tmp_path, layout="hugging-face")
    serve(monkeypatch, tmp_path)
    assert initialise_from(model, Path("hf:org/name")).missing == ()
    assert same(source, model)


def test_load_model__a_repository_without_weights_says_how_to_name_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, tmp_path)
    with pytest.raises(WeightsError, match=r"no model.safetensors there; name a file of .*hf:org/name/FILE.pth"):
        load_model("hf:org/name")


def test_load_model__a_licence_is_said_by_the_repositorys_name_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_weights(toy(), tmp_path, layout="hugging-face")
    serve(monkeypatch, tmp_path)
    _say_licence.cache_clear()
    for _ in range(2):
        load_model("hf:depth-anything/Depth-Anything-V2-Large-hf")
    assert caplog.text.count("CC-BY-NC-4.0") == 1


FAILURES: list[tuple[Callable[[], Exception], str]] = [
    (lambda: errors.LocalEntryNotFoundError("cannot reach the hub"), "the network did not answer"),
    (lambda: errors.OfflineModeIsEnabled("offline"), "the network did not answer"),
    (lambda: errors.HTTPError("no route"), "no route"),
    (lambda: RuntimeError("consistency check failed"), "consistency check"),
    (lambda: OSError("disk full\nsecond line"), "disk full"),
    (lambda: errors.RepositoryNotFoundError("404", response=ANSWER), "no such repository, or a private one"),
    (lambda: errors.GatedRepoError("403", response=ANSWER), "asks for consent"),
    (lambda: errors.RevisionNotFoundError("404", response=ANSWER), "no revision 'v9'"),
    (lambda: errors.HFValidationError("bad name"), "a name the hub does not allow"),
    (lambda: errors.HfHubHTTPError("500 server error", response=ANSWER), "500 server error"),
]


@pytest.mark.parametrize(("failure", "said"), FAILURES)
@pytest.mark.parametrize("file", [None, "a.pth"])
def test_fetch__every_failure_is_one_line(
    failure: Callable[[], Exception], said: str, file: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*_arguments: object, **_options: object) -> str:
        raise failure()

    monkeypatch.setattr(hub, "hf_hub_download", download)
    monkeypatch.setattr(hub, "no_network", lambda: None)
    with pytest.raises(WeightsError, match=said) as refusal:
        fetch(HubName(repo="org/name", revision="v9", file=file))
    assert "\n" not in str(refusal.value)
    assert "hf:org/name" in str(refusal.value)


def test_no_network__is_known_without_asking_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object) -> None:
        raise OSError("name or service not known")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("leadline.models.hub.getproxies", dict)
    monkeypatch.setattr("socket.getaddrinfo", unknown)
    assert hub.no_network() == "huggingface.co is not reachable from here"
    monkeypatch.setattr("leadline.models.hub.getproxies", lambda: {"https": "http://proxy"})
    assert hub.no_network() is None
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert hub.no_network() == "HF_HUB_OFFLINE is set"


def test_fetch__offline_takes_what_is_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def download(*_arguments: object, local_files_only: bool, **_options: object) -> str:
        asked.append(local_files_only)
        return str(tmp_path / "a.pth")

    monkeypatch.setattr(hub, "hf_hub_download", download)
    monkeypatch.setattr(hub, "no_network", lambda: "no network")
    assert fetch(HubName(repo="org/name", file="a.pth")) == tmp_path / "a.pth"
    monkeypatch.setattr(hub, "no_network", lambda: None)
    fetch(HubName(repo="org/name", file="a.pth"))
    assert asked == [True, False]


def test_fetch__offline_says_what_file_to_put_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*_arguments: object, **_options: object) -> str:
        raise errors.LocalEntryNotFoundError("cannot reach the hub")

    monkeypatch.setattr(hub, "hf_hub_download", download)
    with pytest.raises(
        WeightsError, match=r"put model.safetensors and config.json .*tree/main into one folder, e.g. ./name"
    ):
        fetch(HubName(repo="org/name"))
    with pytest.raises(WeightsError, match=r"put a.pth from .* and pass its path as MODEL, with --architecture"):
        fetch(HubName(repo="org/name", file="a.pth"))


def test_command_line__offline_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "photo.png")
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    said = subprocess.run(
        [
            sys.executable,
            "-m",
            "leadline",
            "predict",
            "hf:org/name",
            str(tmp_path / "photo.png"),
            "--out",
            str(tmp_path / "out"),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert "HF_HUB_OFFLINE is set" in said.stderr
    assert "Traceback" not in said.stderr


def test_depth_model__is_saved_and_read_by_the_hubs_own_mixin(tmp_path: Path) -> None:
    model = toy()
    model.save_pretrained(tmp_path)  # type: ignore[operator]
    loaded = DepthModel.from_pretrained(tmp_path)
    assert same(loaded, model)
    assert loaded.config == model.config
    assert not loaded.training
    assert same(load_model(tmp_path), model)
    assert "library_name: leadline" in (tmp_path / "README.md").read_text()


def test_depth_model__is_read_from_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy()
    model.save_pretrained(tmp_path)  # type: ignore[operator]
    asked = serve(monkeypatch, tmp_path)
    monkeypatch.setattr("huggingface_hub.hub_mixin.hf_hub_download", vars(hub)["hf_hub_download"])
    assert same(DepthModel.from_pretrained("org/name", revision="v2"), model)
    assert {revision for _, _, revision in asked} == {"v2"}


def test_depth_model__is_pushed_as_the_folder_it_is_saved_as(monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[str] = []

    class Repository:
        repo_id = "org/name"

    def create(*_arguments: object, **_options: object) -> Repository:
        return Repository()

    def upload(*_arguments: object, folder_path: Path, **_options: object) -> str:
        pushed.extend(sorted(one.name for one in Path(folder_path).iterdir()))
        return "done"

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload)
    assert toy().push_to_hub("org/name") == "done"  # type: ignore[operator]
    assert pushed == ["README.md", "config.json", "model.json", "model.safetensors"]
