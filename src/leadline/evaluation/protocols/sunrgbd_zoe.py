# SPDX-License-Identifier: Apache-2.0
"""SUN RGB-D, 5,050 test images, as ZoeDepth reports its zero-shot numbers: predictions enter, the usual metrics leave."""

from leadline.contracts.sample import Field
from leadline.evaluation.crops import EIGEN_ANY_SIZE
from leadline.evaluation.protocol import Protocol
from leadline.evaluation.scoring import score_depth

SUNRGBD_ZOE = Protocol(
    name="sunrgbd-zoe",
    dataset="sunrgbd",
    needs=frozenset({Field.DEPTH}),
    score=score_depth,
    crop=EIGEN_ANY_SIZE,
    range_m=(0.0, 8.0),
    tta="flip",
    dense=True,
    source="ZoeDepth evaluate (arXiv 2302.12288, table 3): cap 8 m, NYU's box on every size; predictions at least 1 mm",
)
