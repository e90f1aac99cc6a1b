# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError
from leadline.data.catalog import open_dataset
from leadline.data.request import DatasetRequest
from leadline.models.head_config import SigmoidHeadConfig
from leadline.recipes.staged.labels import write_labels
from tests.cli.toy import save_toy
from tests.recipes.staged.toy import H, W, semi, write_pictures, write_teacher


def test_write_labels__each_source_gets_a_folder_that_fits_its_pictures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "leadline")
    config, teacher = semi(tmp_path, labels_per_shard=3), write_teacher(tmp_path / "teacher")
    sources = {"image_folder": tmp_path / "pictures", "other": write_pictures(tmp_path / "other", 2, (56, 42))}
    write_labels(config, teacher, sources, tmp_path / "labels")
    assert "labels of image_folder: 8 of 8 pictures (0 dropped, 0 unreadable, 0 dead)" in caplog.messages
    for name, size, count in (("image_folder", (H, W), 8), ("other", (56, 42), 2)):
        request = DatasetRequest(root=sources[name], options={"labels": str(tmp_path / "labels" / name)})
        found = open_dataset("pseudo_labels", request)
        assert len(found) == count
        sample = found[0]
        assert sample.depth is not None
        assert sample.depth.shape == size
        assert sample.kind is DepthKind.AFFINE_DISPARITY
    assert len(list((tmp_path / "labels" / "image_folder").glob("shard-*.jsonl"))) == 3
    written = {file: file.stat().st_mtime_ns for file in (tmp_path / "labels").rglob("shard-*")}
    write_labels(config, teacher, sources, tmp_path / "labels")
    assert written == {file: file.stat().st_mtime_ns for file in (tmp_path / "labels").rglob("shard-*")}


def test_write_labels__of_a_teacher_in_metres_are_refused(tmp_path: Path) -> None:
    metric = save_toy(tmp_path / "metric", SigmoidHeadConfig())
    with pytest.raises(ContractError, match="a teacher that says relative disparity"):
        write_labels(semi(tmp_path), str(metric), {"image_folder": tmp_path / "pictures"}, tmp_path / "labels")
    assert not (tmp_path / "labels").exists()
