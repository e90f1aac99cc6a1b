# SPDX-License-Identifier: Apache-2.0
"""ETH3D: bare floats named like pictures, both lenses, archives unpacked together or apart; wrong sizes in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leadline.contracts.errors import DataError
from leadline.data.eth3d import open_eth3d
from leadline.data.request import DatasetRequest
from tests.data.layouts import picture


def scene(pictures: Path, depths: Path, *, folder: str = "dslr_images", first_m: float = 2.0) -> None:
    """Pictures DSC_0001 and DSC_0002; depth counts up row by row, pixel (0, 0) is infinite, (0, 1) is 0."""
    depth_m = first_m + np.arange(48, dtype="<f4").reshape(6, 8)
    depth_m[0, 0], depth_m[0, 1] = np.inf, 0.0
    for number in (1, 2):
        picture(pictures / f"images/{folder}/DSC_000{number}.JPG", seed=number)
        path = depths / f"ground_truth_depth/{folder}/DSC_000{number}.JPG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(depth_m.tobytes())


def layout(root: Path) -> DatasetRequest:
    for name in ("courtyard", "pipes"):
        scene(root / name, root / name)
    return DatasetRequest(root=root)


def test_eth3d__reads_bare_floats_and_masks_infinity_and_zero(tmp_path: Path) -> None:
    dataset = open_eth3d(layout(tmp_path))
    assert [dataset.key(index) for index in range(len(dataset))] == [
        "courtyard/DSC_0001", "courtyard/DSC_0002", "pipes/DSC_0001", "pipes/DSC_0002",
    ]  # fmt: skip
    sample = dataset[0]
    assert sample.depth is not None
    assert sample.valid is not None
    assert sample.depth[1, :2].tolist() == [10.0, 11.0]
    assert int(sample.valid.sum()) == 46
    assert not sample.valid[0, :2].any()


def test_eth3d__finds_archives_that_were_unpacked_apart(tmp_path: Path) -> None:
    scene(tmp_path / "multi_view_training_dslr_jpg/office", tmp_path / "multi_view_training_dslr_depth/office")
    assert open_eth3d(DatasetRequest(root=tmp_path)).key(0) == "office/DSC_0001"


def test_eth3d__takes_the_lens_that_has_depth(tmp_path: Path) -> None:
    scene(tmp_path / "pipes", tmp_path / "pipes", folder="dslr_images_undistorted", first_m=5.0)
    assert float(open_eth3d(DatasetRequest(root=tmp_path))[0].depth[1, 0]) == 13.0  # type: ignore[index]
    scene(tmp_path / "pipes", tmp_path / "pipes")
    both = [open_eth3d(DatasetRequest(root=tmp_path, options={"lens": lens})) for lens in ("distorted", "undistorted")]
    assert [float(one[0].depth[1, 0]) for one in both] == [10.0, 13.0]  # type: ignore[index]
    assert float(open_eth3d(DatasetRequest(root=tmp_path))[0].depth[1, 0]) == 10.0  # type: ignore[index]


def test_eth3d__names_what_is_missing_or_of_another_size(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ground_truth_depth"):
        open_eth3d(DatasetRequest(root=tmp_path))
    layout(tmp_path)
    path = tmp_path / "courtyard/ground_truth_depth/dslr_images/DSC_0001.JPG"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match=r"192 bytes, a float32 for each pixel of the 6x8 picture; got .*188 bytes"):
        open_eth3d(DatasetRequest(root=tmp_path))[0]
    (tmp_path / "pipes/images/dslr_images/DSC_0002.JPG").unlink()
    with pytest.raises(DataError, match="the first at depth of 'pipes/DSC_0002'"):
        open_eth3d(DatasetRequest(root=tmp_path))
