# SPDX-License-Identifier: Apache-2.0
"""What a recipe needs and what a dataset provides enter; nothing leaves, or one sentence naming datasets that would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.contracts.errors import ContractError
from leadline.data.catalog import DATASETS

if TYPE_CHECKING:
    from leadline.contracts.sample import Field


def require_fields(needs: frozenset[Field], provides: frozenset[Field], dataset: str) -> None:
    """Refuse a dataset (named ``dataset``, as opened) that lacks fields before anything is read.

    Raises:
        ContractError: a needed field is not provided.
    """
    missing = needs - provides
    if not missing:
        return
    suitable = [name for name, entry in DATASETS.items() if needs <= entry.provides]
    would_do = f"datasets that can provide all of it: {', '.join(suitable)}" if suitable else "no dataset provides all of it"
    raise ContractError(
        expected=f"a dataset with {_listed(needs)}",
        got=f"'{dataset}', which provides {_listed(provides)} and lacks {_listed(missing)}",
        remedy=would_do,
    )


def _listed(names: frozenset[Field]) -> str:
    return ", ".join(sorted(name.name for name in names)) or "nothing"
