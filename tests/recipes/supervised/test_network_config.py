# SPDX-License-Identifier: Apache-2.0
import pytest

from leadline.contracts.errors import UsageError
from leadline.recipes.supervised.network_config import NetworkConfig


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_network_config__refuses_a_learning_rate_factor_that_is_not_positive(factor: float) -> None:
    with pytest.raises(UsageError, match="--encoder-lr-factor above 0"):
        NetworkConfig(encoder_lr_factor=factor)


def test_network_config__checks_what_data_flags_say_too() -> None:
    with pytest.raises(UsageError, match="--target-size"):
        NetworkConfig(target_size=(0,))
