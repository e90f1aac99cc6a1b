# SPDX-License-Identifier: Apache-2.0
"""DA-2K, 2,068 labelled pairs in 1,033 pictures: predictions of any kind enter, the share of right pairs leaves.

The paper has no public scorer.  The mean over pairs is ``accuracy`` and reproduces its table; ``accuracy_macro`` is the
mean of the scenes, ``accuracy/SCENE`` each scene's own.
"""

from pathlib import PurePosixPath

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field
from leadline.evaluation.ordinal import ordinal_correct
from leadline.evaluation.protocol import Case, ImageScore, Protocol, UnscorableError
from leadline.evaluation.scoring import resized
from leadline.geometry.alignment import Alignment


def score_pairs(case: Case, protocol: Protocol) -> ImageScore:
    """Share of right pairs of one picture, counted once per pair; the group is the scene, the folder of the picture.

    Raises:
        ContractError: the sample has no ordinal pairs.
        UnscorableError: it has none that is real.
    """
    sample = case.sample
    if sample.ordinal is None:
        raise ContractError(
            expected=f"ordinal pairs for protocol '{protocol.name}'", got=f"none in {sample.key}", remedy="evaluate on da2k"
        )
    height, width = sample.image.shape[-2:]
    correct = ordinal_correct(resized(case.prediction, height, width, protocol), sample.ordinal)
    if correct.numel() == 0:
        raise UnscorableError(expected="at least one pair", got=f"none in {sample.key}", remedy="this image is left out")
    return ImageScore(
        metrics={"accuracy": float(correct.double().mean())},
        weights={"accuracy": float(correct.numel())},
        group=PurePosixPath(sample.key).parent.name or None,
    )


DA2K = Protocol(
    name="da2k",
    dataset="da2k",
    needs=frozenset({Field.ORDINAL}),
    score=score_pairs,
    range_m=(0.0, float("inf")),
    clamp=False,
    allowed_alignments=frozenset({Alignment.NONE}),
    aggregation="pair-mean",
    source="Depth Anything V2 (arXiv 2406.09414, sec. 6, tables 3 and 14), micro mean; ties are wrong",
)
