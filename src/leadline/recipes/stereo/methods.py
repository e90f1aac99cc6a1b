# SPDX-License-Identifier: Apache-2.0
"""The two ways of the ``stereo`` recipe: hyper-parameters enter, the run of the method they name leaves its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.recipes.stereo.monocular_run import train_monocular
from leadline.recipes.stereo.run import train_stereo

if TYPE_CHECKING:
    from leadline.recipes.stereo.config import StereoConfig
    from leadline.recipes.supervised.report import Report
    from leadline.recipes.supervised.run import Start


def train_by_method(config: StereoConfig, start: Start) -> Report | None:
    """``train_stereo``, or ``train_monocular`` with ``--method monodepth2``; errors as theirs."""
    return train_monocular(config, start) if config.method == "monodepth2" else train_stereo(config, start)
