# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from leadline.contracts.errors import WeightsError
from leadline.models.hugging_face_names import from_hugging_face, speaks_hugging_face, to_hugging_face
from tests.models.hugging_face import KITTI, NYU, depth_anything, zoedepth

NETWORKS = {
    "depth anything": lambda: depth_anything(),
    "giant's feed-forward": lambda: depth_anything("dinov2-toy-swiglu"),
    "one head": lambda: zoedepth([NYU]),
    "two heads": lambda: zoedepth([NYU, KITTI]),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_to_hugging_face__writes_the_names_and_parts_of_its_own_files(kind: str, tmp_path: Path) -> None:
    peer = NETWORKS[kind]()
    peer.save_pretrained(tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    ours = from_hugging_face(stored)
    assert all(name.startswith(("encoder.", "decoder.", "head.")) for name in ours)
    back = to_hugging_face(ours)
    assert back.keys() == stored.keys()
    assert all(torch.equal(value, back[name]) for name, value in stored.items())


@pytest.mark.parametrize("kind", NETWORKS)
def test_from_hugging_face__files_and_modules_are_spelt_differently_and_mean_the_same(kind: str, tmp_path: Path) -> None:
    peer = NETWORKS[kind]()
    peer.save_pretrained(tmp_path)
    from_file, from_module = (
        from_hugging_face(load_file(tmp_path / "model.safetensors")),
        from_hugging_face(peer.state_dict()),
    )
    assert from_file.keys() == from_module.keys()
    assert all(torch.equal(value, from_module[name]) for name, value in from_file.items())


def test_speaks_hugging_face__is_not_fooled_by_other_backbones() -> None:
    assert speaks_hugging_face(["backbone.embeddings.cls_token"])
    assert speaks_hugging_face(["x", "backbone.beit.embeddings.cls_token"])
    assert not speaks_hugging_face(["backbone.conv1.weight", "encoder.backbone.embeddings.cls_token"])


def test_from_hugging_face__parts_that_do_not_fit_are_one_line() -> None:
    layer = "backbone.encoder.layer.0.attention.attention"
    parts = {f"{layer}.query.weight": torch.ones(3, 3), f"{layer}.key.weight": torch.ones(4, 4)}
    with pytest.raises(
        WeightsError, match=r"parts of encoder.blocks.0.attn.qkv.weight that fit together; got \(3, 3\), \(4, 4\)"
    ):
        from_hugging_face(parts)


def test_from_hugging_face__strange_names_are_kept() -> None:
    assert from_hugging_face({"x#": torch.ones(1), "#": torch.ones(1)}).keys() == {"x#", "#"}
