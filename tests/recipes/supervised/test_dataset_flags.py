# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from leadline.contracts.errors import UsageError
from leadline.recipes.supervised.dataset_flags import DatasetFlags, read_dataset_flags


def read(*, roots: tuple[str, ...] = (), lists: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> DatasetFlags:
    return read_dataset_flags(("nyu", "ibims", "procedural"), roots=roots, lists=lists, options=options)


def test_read_dataset_flags__sorts_words_by_dataset() -> None:
    flags = read(
        roots=("nyu=/data/a=b",), lists=("nyu=my.csv",), options=("nyu.crop-white-border=true", "nyu.val_fraction=0.2")
    )
    request = flags.request("nyu", part="val")
    assert request.root == Path("/data/a=b")
    assert request.listing == Path("my.csv")
    assert request.split == "val"
    assert request.options == {"crop_white_border": "true", "val_fraction": "0.2"}


def test_request__a_benchmark_is_requested_whole() -> None:
    assert read(roots=("ibims=/data",)).request("ibims", part="val").split is None


def test_request__a_dataset_without_files_needs_no_folder() -> None:
    assert read().request("procedural", part="train").root is None


def test_request__a_missing_folder_is_asked_for_by_both_flags() -> None:
    with pytest.raises(UsageError, match="expected --nyu-root DIR or --dataset-root nyu=DIR for dataset nyu"):
        read().request("nyu", part="train", root_flag="--nyu-root")
    with pytest.raises(UsageError, match="expected --dataset-root nyu=DIR for dataset nyu"):
        read().request("nyu", part="train")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"roots": ("nyu",)}, "--dataset-root NAME=DIR; got 'nyu'"),
        ({"roots": ("nyu=",)}, "--dataset-root NAME=DIR"),
        ({"lists": ("=a.csv",)}, "--dataset-list NAME=FILE"),
        ({"options": ("nyu=1",)}, "--dataset-option NAME.KEY=VALUE; got 'nyu=1'"),
        ({"options": ("nyu.=1",)}, "--dataset-option NAME.KEY=VALUE"),
        ({"roots": ("nyu=a", "nyu=b")}, "--dataset-root once for nyu; got 'a' and 'b'"),
        ({"options": ("nyu.a-b=1", "nyu.a_b=2")}, "--dataset-option once for nyu.a_b; got '1' and '2'"),
        ({"roots": ("nyuu=a",)}, "got 'nyuu'; add nyuu to --datasets"),
        ({"options": ("sunrgbd.use_bfx_depth=true",)}, "about nyu, ibims, procedural; got 'sunrgbd'"),
    ],
)
def test_read_dataset_flags__refuses_what_it_would_have_to_ignore(words: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(**words)
