# SPDX-License-Identifier: Apache-2.0
"""Any pictures with metric depth: the plain protocol whose range, crop and alignment are the user's to choose."""

from leadline.contracts.sample import Field
from leadline.evaluation.protocol import Protocol
from leadline.evaluation.scoring import score_depth

DEPTH = Protocol(
    name="depth",
    dataset=None,
    needs=frozenset({Field.DEPTH}),
    score=score_depth,
    range_m=(1e-3, 80.0),
    inclusive=True,
    minimum_valid_pixels=10,
    dense=True,
    source="Leadline's own; minimum of 10 valid pixels as in Depth Anything V2's metric evaluation",
)
