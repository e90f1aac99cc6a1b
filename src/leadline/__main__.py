# SPDX-License-Identifier: Apache-2.0
"""``python -m leadline``, which torchrun needs, is the command ``leadline``."""

import sys

from leadline.cli.main import main

sys.exit(main())
