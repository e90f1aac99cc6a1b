# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path

import pytest

from leadline.contracts.errors import StorageError
from leadline.recipes.staged.stages import Stage, complete, content_of, deciding, digest, finished, is_done, listing_of
from tests.recipes.staged.toy import semi


def counted(depends: dict[str, object], done: list[Path], *, fails: bool = False) -> Stage:
    def work(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        done.append(folder)
        if fails:
            raise KeyboardInterrupt

    return Stage(name="teacher", depends=depends, work=work)


def test_complete__does_work_once_and_finds_it_again(tmp_path: Path) -> None:
    done: list[Path] = []
    first = complete(counted({"a": 1, "b": 2}, done), tmp_path)
    assert complete(counted({"b": 2, "a": 1}, done), tmp_path) == first
    assert done == [first]
    assert is_done(first)
    assert complete(counted({"a": 1, "b": 3}, done), tmp_path) != first
    assert len(done) == 2


def test_complete__what_was_cut_off_is_not_done_and_goes_on_in_the_same_folder(tmp_path: Path) -> None:
    done: list[Path] = []
    with pytest.raises(KeyboardInterrupt):
        complete(counted({}, done, fails=True), tmp_path)
    assert not is_done(done[0])
    complete(counted({}, done), tmp_path)
    assert done[0] == done[1]


def test_finished__says_which_stage_is_missing_and_whether_it_was_made_with_other_flags(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"finished stage teacher for stage student.*got none.*--stage teacher"):
        finished(counted({"a": 1}, []), tmp_path, wanted_by="student")
    complete(counted({"a": 1}, []), tmp_path)
    assert finished(counted({"a": 1}, []), tmp_path, wanted_by="student").is_dir()
    with pytest.raises(StorageError, match="made with other flags"):
        finished(counted({"a": 2}, []), tmp_path, wanted_by="student")


def test_content_of__tells_files_and_runs_by_what_is_in_them_and_all_else_by_name(tmp_path: Path) -> None:
    one, other = tmp_path / "one.pth", tmp_path / "other.pth"
    one.write_bytes(b"weights")
    other.write_bytes(b"weights")
    assert content_of("") == ""
    assert content_of(str(one)) == content_of(str(other))
    other.write_bytes(b"other weights")
    assert content_of(str(one)) != content_of(str(other))
    assert content_of("hf:some/model") == "hf:some/model"
    run = tmp_path / "run" / "checkpoint_best"
    run.mkdir(parents=True)
    (run / "model.safetensors").write_bytes(b"1")
    before = content_of(str(tmp_path / "run"))
    (run / "model.safetensors").write_bytes(b"2")
    assert content_of(str(tmp_path / "run")) != before


def test_listing_of__tells_pictures_by_name_and_tars_by_size_too_and_is_blind_to_all_else(tmp_path: Path) -> None:
    pictures, tars = tmp_path / "pictures", tmp_path / "tars"
    for file in (pictures / "a" / "0.png", pictures / "1.jpg", tars / "0.tar"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"1")
    listed = [listing_of(place) for place in (pictures, tars, tars / "0.tar")]
    (pictures / "notes.txt").write_text("no picture")
    (pictures / "1.jpg").write_bytes(b"22")
    assert listing_of(pictures) == listed[0]
    (tars / "gone.tar").symlink_to(tmp_path / "nowhere.tar")
    assert listing_of(tars) != listed[1]
    (tars / "0.tar").write_bytes(b"22")
    assert listing_of(tars / "0.tar") != listed[2]
    (pictures / "a" / "0.png").rename(pictures / "0.png")
    assert listing_of(pictures) != listed[0]


def test_deciding__is_blind_to_where_a_run_lies_but_not_to_what_it_learns(tmp_path: Path) -> None:
    config = semi(tmp_path)
    before = digest(deciding(config))
    elsewhere = dataclasses.replace(config, save_dir=tmp_path / "else", num_workers=3, baseline=True, wandb="offline")
    assert digest(deciding(elsewhere)) == before
    for change in ({"lr": 1e-3}, {"seed": 5}, {"validate": False}, {"validation_images": 1}, {"cutmix": 0.1}):
        assert digest(deciding(dataclasses.replace(config, **change))) != before


def test_deciding__nothing_is_left_out_that_does_not_exist(tmp_path: Path) -> None:
    from leadline.recipes.staged.stages import NEUTRAL

    names = {field.name for field in dataclasses.fields(semi(tmp_path))}
    assert names >= NEUTRAL
