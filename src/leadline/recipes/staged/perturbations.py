# SPDX-License-Identifier: Apache-2.0
"""How students' pictures are changed, by the name that flags give it."""

from __future__ import annotations

from leadline.transforms.strong import REFERENCE, StrongPerturbation

PERTURBATIONS: dict[str, StrongPerturbation | None] = {
    "strong": StrongPerturbation(),
    "reference": REFERENCE,
    "none": None,
}
