# SPDX-License-Identifier: Apache-2.0
import torch
from torch import nn

from leadline.recipes.staged.frozen import Frozen


def test_frozen__a_network_neither_learns_nor_drops_nor_is_seen_by_whoever_holds_it() -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.watcher = Frozen(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)))

    holder = Holder().train()
    network = holder.watcher.on(torch.device("cpu"))
    assert not network.training
    assert not any(one.requires_grad for one in network.parameters())
    assert list(holder.parameters()) == []
    assert holder.state_dict() == {}
