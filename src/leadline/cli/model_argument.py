# SPDX-License-Identifier: Apache-2.0
"""The first argument of most verbs: the type of a MODEL that is to be loaded, or only to be asked, leaves."""

from __future__ import annotations

from typing import Annotated

import tyro

from leadline.contracts.model_forms import MODEL_FORMS, SERVED_FORMS

Model = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL", help=f"{MODEL_FORMS}.")]
ServedModel = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL", help=f"{SERVED_FORMS}.")]
