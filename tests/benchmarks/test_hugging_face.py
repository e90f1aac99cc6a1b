# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
from typing import Any

import pytest
import torch

from leadline.benchmarks.contenders import loss_of, make_batches
from leadline.benchmarks.hugging_face import HuggingFaceDepthAnything, with_the_same_weights
from leadline.contracts.errors import MissingExtraError


def test_hugging_face__names_the_package_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refusing(name: str, *rest: Any) -> Any:
        if name == "transformers":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refusing)
    with pytest.raises(MissingExtraError, match=r"pip install 'leadline\[test\]'"):
        HuggingFaceDepthAnything()


@pytest.mark.slow
def test_with_the_same_weights__agrees_with_the_peer_in_output_and_gradient() -> None:
    torch.manual_seed(0)
    peer = HuggingFaceDepthAnything()
    ours = with_the_same_weights(peer)
    (batch,) = make_batches(1, side_px=70, batch_size=2, device=torch.device("cpu"))
    with torch.no_grad():
        theirs, mine = peer(batch.image), ours(batch.image)
    assert theirs.std() > 0.5  # metres: the networks do say something
    assert (theirs - mine).abs().max() < 1e-3 * theirs.std()
    loss_of(peer, batch).backward()  # type: ignore[no-untyped-call]
    loss_of(ours, batch).backward()  # type: ignore[no-untyped-call]
    known = peer.network.get_parameter("neck.fusion_stage.layers.0.projection.weight").grad
    found = ours.get_parameter("decoder.scratch.refinenet4.out_conv.weight").grad
    assert known is not None
    assert found is not None
    assert (known - found).norm() < 1e-4 * known.norm()
    known = peer.network.get_parameter("backbone.embeddings.patch_embeddings.projection.weight").grad
    found = ours.get_parameter("encoder.patch_embed.proj.weight").grad
    assert known is not None
    assert found is not None
    assert (known - found).norm() < 1e-4 * known.norm()
