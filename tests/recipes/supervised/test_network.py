# SPDX-License-Identifier: Apache-2.0
import pytest

from leadline.models.head_config import RelativeHeadConfig, SigmoidHeadConfig
from leadline.recipes.relative.config import RelativeConfig
from leadline.recipes.supervised.network import disparity_network, network_with


@pytest.mark.parametrize(("taps", "blocks"), [("v1", (8, 9, 10, 11)), ("v2", None)])
def test_network__has_the_encoder_taps_and_width_that_the_flags_say(taps: str, blocks: tuple[int, ...] | None) -> None:
    config = RelativeConfig(encoder="vitb", taps=taps, decoder_features=32)  # type: ignore[arg-type]
    network = network_with(SigmoidHeadConfig(max_depth_m=7.0), config)
    assert (network.encoder, network.taps, network.decoder_features) == ("vitb", blocks, 32)
    assert network.head == SigmoidHeadConfig(max_depth_m=7.0)


def test_disparity_network__ends_in_a_plain_disparity() -> None:
    assert disparity_network(RelativeConfig()).head == RelativeHeadConfig()
