# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from leadline.contracts.errors import UsageError
from leadline.models.projector import Projector, ProjectorConfig


def kinds(config: ProjectorConfig, width: int = 6) -> list[type[nn.Module]]:
    return [type(one) for one in Projector(width, config).net.children()]


def test_projector__has_lejepas_layers_and_no_norm_on_its_output() -> None:
    assert kinds(ProjectorConfig(dim=4, hidden=8)) == [nn.Linear, nn.BatchNorm1d, nn.ReLU] * 2 + [nn.Linear]
    sizes = [tuple(one.weight.shape) for one in Projector(6, ProjectorConfig()).net.children() if isinstance(one, nn.Linear)]
    assert sizes == [(2048, 6), (2048, 2048), (512, 2048)]


def test_projector__can_be_the_references() -> None:
    config = ProjectorConfig(dim=4, hidden=8, layers=2, activation="gelu", output_norm=True)
    assert kinds(config) == [nn.Linear, nn.BatchNorm1d, nn.GELU, nn.Linear, nn.BatchNorm1d]
    last = Projector(6, config).net[-1]
    assert list(last.parameters()) == []
    projected = Projector(6, config)(torch.randn(64, 6))
    torch.testing.assert_close(projected.mean(0), torch.zeros(4), atol=1e-5, rtol=0)


def test_projector__one_layer_is_a_linear_map() -> None:
    assert kinds(ProjectorConfig(layers=1)) == [nn.Linear]


def test_projector__its_output_keeps_its_scale() -> None:
    projector = Projector(6, ProjectorConfig(dim=4, layers=1))
    embedding = torch.randn(8, 6)
    bias = projector.net[-1].bias
    torch.testing.assert_close(projector(10 * embedding) - bias, 10 * (projector(embedding) - bias), atol=1e-4, rtol=1e-4)


def test_projector__layer_norm_does_not_look_at_the_other_images() -> None:
    config = ProjectorConfig(dim=4, hidden=8, hidden_norm="layer")
    projector, embedding = Projector(6, config).train(), torch.randn(3, 6)
    assert not config.looks_across_images
    alone = torch.cat([projector(one[None]) for one in embedding])
    torch.testing.assert_close(projector(embedding), alone)


ACROSS = [
    ProjectorConfig(),
    ProjectorConfig(layers=1, output_norm=True),
    ProjectorConfig(hidden_norm="layer", output_norm=True),
]


@pytest.mark.parametrize("config", ACROSS)
def test_projector__one_image_alone_is_refused_in_training_only(config: ProjectorConfig) -> None:
    assert config.looks_across_images
    projector = Projector(6, config)
    with pytest.raises(UsageError, match=r"at least 2 images .* got 1; raise --batch-size"):
        projector(torch.randn(1, 6))
    assert projector.eval()(torch.randn(1, 6)).shape == (1, 512)


def test_projector__one_layer_takes_one_image() -> None:
    assert Projector(6, ProjectorConfig(layers=1))(torch.randn(1, 6)).shape == (1, 512)


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: ProjectorConfig(dim=0), "--proj-dim of at least 1"),
    (lambda: ProjectorConfig(hidden=0), "--proj-hidden of at least 1"),
    (lambda: ProjectorConfig(layers=0), "--proj-layers of at least 1"),
    (lambda: ProjectorConfig(activation="tanh"), "relu, gelu"),  # type: ignore[arg-type]
    (lambda: ProjectorConfig(hidden_norm="none"), "batch, layer"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("mistake", "said"), MISTAKES)
def test_config__a_mistake_is_one_line(mistake: Callable[[], object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        mistake()
