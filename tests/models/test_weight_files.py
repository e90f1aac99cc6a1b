# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from leadline.contracts.errors import WeightsError
from leadline.models.weight_files import read_tensors, read_training_flags, require_weights_suffix
from tests.models.payload import Payload

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.tensor([1, 2]), "b": torch.tensor(3.0)}


class Surprise:
    """An object whose unpickling would run code."""

    def __reduce__(self) -> tuple[object, tuple[object]]:
        return (Path.touch, (Path("leadline-was-here"),))


def write(path: Path, tensors: dict[str, Tensor]) -> Path:
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    elif path.suffix == ".npz":
        np.savez(path, **{name: value.numpy() for name, value in tensors.items()})  # type: ignore[arg-type]
    else:
        torch.save(tensors, path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".npz"])
def test_read_tensors__every_format_gives_the_same_tensors(suffix: str, tmp_path: Path) -> None:
    got = read_tensors(write(tmp_path / f"w{suffix}", TENSORS))
    assert got.keys() == TENSORS.keys()
    assert all(torch.equal(got[name], TENSORS[name]) and got[name].dtype == TENSORS[name].dtype for name in got)


@pytest.mark.parametrize("wrapper", ["model", "model_state_dict", "state_dict"])
def test_read_tensors__takes_off_wrappers_and_prefixes(wrapper: str, tmp_path: Path) -> None:
    wrapped = {f"module._orig_mod.{name}": value for name, value in TENSORS.items()}
    torch.save({wrapper: wrapped, "epoch": 3, "optimizer": {"lr": 0.1}}, tmp_path / "w.pth")
    assert read_tensors(tmp_path / "w.pth").keys() == TENSORS.keys()


def test_read_tensors__keeps_a_module_called_model(tmp_path: Path) -> None:
    torch.save({"module.model.weight": torch.ones(1), "model": torch.ones(2)}, tmp_path / "w.pth")
    assert read_tensors(tmp_path / "w.pth").keys() == {"model.weight", "model"}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_read_tensors__refuses_two_tensors_of_one_name(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"w{suffix}", {"module.x": torch.ones(1), "y": torch.ones(1), "x": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"'(module\.)?x' and '(module\.)?x', which both are 'x'") as refusal:
        read_tensors(path)
    assert "module.x" in str(refusal.value)


def test_read_tensors__never_runs_what_a_pickle_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Surprise()}, tmp_path / "w.pth")
    np.save(tmp_path / "inner.npy", np.array([Surprise()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "w.npz", a=np.array([Surprise()], dtype=object))
    for name in ("w.pth", "w.npz"):
        with pytest.raises(WeightsError, match=name):
            read_tensors(tmp_path / name)
    assert not (tmp_path / "leadline-was-here").exists()


def test_read_tensors__refuses_what_is_no_tensor(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="'epoch', which is no tensor"):
        read_tensors(tmp_path / "w.pth")
    torch.save({0: torch.ones(1)}, tmp_path / "number.pth")
    with pytest.raises(WeightsError, match="a tensor called 0, which is no name"):
        read_tensors(tmp_path / "number.pth")
    for value in (torch.ones(2).to_sparse(), torch.ones(2, device="meta")):
        torch.save({"a": value}, tmp_path / "a.pth")
        with pytest.raises(WeightsError, match="'a', a tensor that is sparse, quantised or without numbers"):
            read_tensors(tmp_path / "a.pth")
    torch.save([torch.ones(1)], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="a list"):
        read_tensors(tmp_path / "list.pth")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".npz"])
def test_read_tensors__damage_is_one_line_naming_the_file(suffix: str, tmp_path: Path) -> None:
    whole = write(tmp_path / f"w{suffix}", TENSORS).read_bytes()
    draw = random.Random(7)
    victims = [b"", b"not weights at all", *(whole[: len(whole) * part // 10] for part in range(1, 10))]
    for _ in range(60):
        spoiled = bytearray(whole)
        for _ in range(4):
            spoiled[draw.randrange(len(spoiled))] = draw.randrange(256)
        victims.append(bytes(spoiled))
    refusals = []
    for victim in victims:
        path = tmp_path / f"spoiled{suffix}"
        path.write_bytes(victim)
        try:
            read_tensors(path)
        except WeightsError as error:
            refusals.append(str(error))
    assert len(refusals) >= 11
    assert all("spoiled" in said and "\n" not in said for said in refusals)


@pytest.mark.parametrize("content", [b"epoch 3, loss 0.1", b"<html>not found</html>", b"e", b"(lp0"])
def test_read_tensors__says_that_a_text_is_no_checkpoint(content: bytes, tmp_path: Path) -> None:
    for name in ("text.pth", "text.pt"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=rf"{name}: no checkpoint, neither of torch.save's zip"):
            read_tensors(tmp_path / name)


def test_read_tensors__says_without_a_warning_that_a_pickle_is_not_of_torch(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    (tmp_path / "w.pth").write_bytes(pickle.dumps({"a": 1}, protocol=4))
    with pytest.raises(WeightsError, match=r"a pickle, not of torch\.save, or a damaged one"):
        read_tensors(tmp_path / "w.pth")
    assert not recwarn.list


def test_read_tensors__says_that_a_file_is_empty_or_damaged(tmp_path: Path) -> None:
    whole = write(tmp_path / "w.pth", TENSORS).read_bytes()
    for content, said in ((b"", "an empty file"), (whole[:30], r"w\.pth: \S+ \S+"), (b"\x80", "damaged|[a-z]+ [a-z]+")):
        (tmp_path / "w.pth").write_bytes(content)
        with pytest.raises(WeightsError, match=said) as refusal:
            read_tensors(tmp_path / "w.pth")
        assert "no checkpoint" not in str(refusal.value)


def test_require_weights_suffix__names_the_order_of_arguments() -> None:
    for name in ("w.pth", "w.PT", "a.safetensors", "b.npz"):
        require_weights_suffix(Path(name))
    with pytest.raises(
        WeightsError, match=r"as the model a run folder, .*random:PRESET; got depth\.png; name the model first"
    ):
        require_weights_suffix(Path("depth.png"))


@pytest.mark.parametrize("name", ["a.onnx", "a.xml"])
def test_require_weights_suffix__sends_an_exported_graph_to_what_it_came_from(name: str) -> None:
    with pytest.raises(WeightsError, match="name what it was exported from"):
        require_weights_suffix(Path(name))


def test_read_training_flags__are_the_args_beside_the_weights(tmp_path: Path) -> None:
    tensors = {"w": torch.ones(1)}
    contents = {"both": {"model_state_dict": tensors, "args": {"model": "resnet50", "bs": 4}}, "none": tensors}
    contents["odd"] = {"state_dict": tensors, "args": ["--bs", "4"]}
    for name, content in contents.items():
        torch.save(content, tmp_path / f"{name}.pt")
    save_file(tensors, tmp_path / "w.safetensors")
    assert read_training_flags(tmp_path / "both.pt") == {"model": "resnet50", "bs": 4}
    for name in ("none.pt", "odd.pt", "w.safetensors"):
        assert read_training_flags(tmp_path / name) == {}


def test_read_tensors__a_payload_is_named_and_nobody_is_told_to_trust_it(tmp_path: Path) -> None:
    torch.save({"model": {"weight": Payload(tmp_path / "run")}}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"a pickle of more than tensors \(\S+\), which is not run") as refusal:
        read_tensors(tmp_path / "w.pth")
    assert "trust" not in str(refusal.value)
    assert not (tmp_path / "run").exists()


def test_read_tensors__says_what_is_wrong_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        read_tensors(tmp_path / "absent.pth")
    with pytest.raises(WeightsError, match="no such file"):
        read_tensors(tmp_path / ("a" * 300 + ".pth"))
    (tmp_path / "w.onnx").write_bytes(b"x")
    with pytest.raises(WeightsError, match="unknown suffix"):
        read_tensors(tmp_path / "w.onnx")
