# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from leadline.contracts.errors import MissingExtraError
from leadline.inference.runtimes.extras import is_installed, require_package


def test_require_package__names_the_install_command() -> None:
    assert is_installed("numpy")
    require_package("numpy")
    assert not is_installed("no_such_package_here")
    with pytest.raises(MissingExtraError, match=r"no_such_package_here.*pip install 'leadline\[export\]'"):
        require_package("no_such_package_here")
