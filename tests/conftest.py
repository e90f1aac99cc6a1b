# SPDX-License-Identifier: Apache-2.0
"""One thread per test process: tests run side by side, and waiting threads would cost more than they bring."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, here and in the processes that tests start
