# SPDX-License-Identifier: Apache-2.0
"""NYU Depth v2, 654 test images, as ZoeDepth and Depth Anything report them: predictions enter, the usual metrics leave."""

from leadline.contracts.sample import Field
from leadline.evaluation.crops import EIGEN
from leadline.evaluation.protocol import Protocol
from leadline.evaluation.scoring import score_depth

NYU_EIGEN = Protocol(
    name="nyu-eigen",
    dataset="nyu",
    needs=frozenset({Field.DEPTH}),
    score=score_depth,
    crop=EIGEN,
    range_m=(1e-3, 10.0),
    tta="flip",
    dense=True,
    source="ZoeDepth evaluate (arXiv 2302.12288, table 1); Depth Anything V2 (arXiv 2406.09414, table 4a)",
)
