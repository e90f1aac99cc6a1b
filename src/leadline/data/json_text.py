# SPDX-License-Identifier: Apache-2.0
"""A text goes in, what it says in JSON comes out; whatever Python cannot read of it is one kind of error."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str) -> Any:
    """``json.loads``, except that texts beyond Python's limits are broken too.

    Raises:
        json.JSONDecodeError: no JSON, nested endlessly, or with a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise json.JSONDecodeError(str(error), text, 0) from error
