# SPDX-License-Identifier: Apache-2.0
"""One thread per test process: tests run side by side, and waiting threads would cost more than they bring.

And a cache folder of its own for each module's tests: what one leaves there must not decide what another sees.
"""

import os
from collections.abc import Iterator

import pytest

from leadline.rasters.user_cache import FOLDER_VARIABLE

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, here and in the processes that tests start


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield
