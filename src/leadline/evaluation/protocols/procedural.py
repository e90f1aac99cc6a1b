# SPDX-License-Identifier: Apache-2.0
"""The built-in procedural scenes: predictions enter, the usual metrics over every pixel that has depth leave."""

from leadline.contracts.sample import Field
from leadline.evaluation.protocol import Protocol
from leadline.evaluation.scoring import score_depth

PROCEDURAL = Protocol(
    name="procedural",
    dataset="procedural",
    needs=frozenset({Field.DEPTH}),
    score=score_depth,
    range_m=(1e-3, 80.0),
    inclusive=True,
    dense=True,
    source="Leadline's own: no crop, no test-time augmentation, exact truth; sky has no depth",
)
