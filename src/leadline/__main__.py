# SPDX-License-Identifier: Apache-2.0
"""``python -m leadline``, which torchrun needs, is the command ``leadline``."""

from leadline.cli.main import run

run()
