# SPDX-License-Identifier: Apache-2.0
"""The name of an optional package enters; nothing leaves where it is installed, else how to get it."""

from __future__ import annotations

import importlib.util

from leadline.contracts.errors import MissingExtraError


def is_installed(package: str) -> bool:
    """Whether ``package`` could be imported, without importing it."""
    return importlib.util.find_spec(package) is not None


def require_package(package: str) -> None:
    """Refuse where ``package`` is not there.

    Raises:
        MissingExtraError: it is not installed.
    """
    if not is_installed(package):
        raise MissingExtraError(
            expected=f"the package {package}", got="no such package", remedy="pip install 'leadline[export]'"
        )
