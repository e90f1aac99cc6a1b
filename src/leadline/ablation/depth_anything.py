# SPDX-License-Identifier: Apache-2.0
"""The questions of Depth Anything V1 and V2 as variants: nothing enters; names, recipes and changed flags leave.

V1 tables 9 (what each part adds), 12 (the margin) and 13 (whose features); the V1 training reference's own question (to what
features are drawn, and how they are compared); CutMix; V2's gradient matching, masking and resolution.
"""

from __future__ import annotations

from leadline.ablation.variant import Variant

_PLAIN = {"perturbation": "none", "cutmix": 0.0, "feature_target": "none"}
_ALONE = {**_PLAIN, "unlabelled_weight": 0.0}
_PAPER = {"feature_target": "dino-rgb", "feature_loss": "cosine-margin"}
_V1, _V2 = "semi-supervised", "distillation"
_V2_WHOLE = {"grad_weight": 2.0, "ignore_largest": 0.1, "perturbation": "none", "feature_target": "none"}


def _compared() -> list[Variant]:
    """Every target of the alignment with every way to compare."""
    targets = ("dino-rgb", "depth-guide", "dino-on-depth")
    measures = ("cosine", "cosine-margin", "cca", "cka")
    return [
        Variant(
            group="target-and-loss",
            name=f"{target}, {measure}",
            recipe=_V1,
            changes={"feature_target": target, "feature_loss": measure},
        )
        for target in targets
        for measure in measures
    ]


VARIANTS: tuple[Variant, ...] = (
    Variant(group="parts", name="labelled", recipe=_V1, changes=_ALONE),
    Variant(group="parts", name="+ unlabelled", recipe=_V1, changes=_PLAIN),
    Variant(group="parts", name="+ perturbed", recipe=_V1, changes={"feature_target": "none"}),
    Variant(group="parts", name="+ features", recipe=_V1, changes={"feature_target": "dino-rgb"}),
    *(
        Variant(group="margin", name=f"margin {margin:.2f}", recipe=_V1, changes={**_PAPER, "feature_margin": margin})
        for margin in (1.0, 0.85, 0.7)
    ),
    Variant(group="whose", name="no features", recipe=_V1, changes={"feature_target": "none"}),
    Variant(group="whose", name="features of unlabelled", recipe=_V1, changes={**_PAPER, "feature_on": "unlabelled"}),
    Variant(group="whose", name="features of labelled", recipe=_V1, changes={**_PAPER, "feature_on": "labelled"}),
    *_compared(),
    Variant(group="cutmix", name="no cutmix", recipe=_V1, changes={"cutmix": 0.0}),
    Variant(group="cutmix", name="random box", recipe=_V1, changes={"cutmix": 0.5, "cutmix_box": "random"}),
    Variant(group="cutmix", name="upper left quarter", recipe=_V1, changes={"cutmix": 0.5, "cutmix_box": "quarter"}),
    Variant(group="distillation", name="V2 whole", recipe=_V2, changes=_V2_WHOLE),
    Variant(group="distillation", name="V2 without gradients", recipe=_V2, changes={**_V2_WHOLE, "grad_weight": 0.0}),
    Variant(group="distillation", name="V2 without masking", recipe=_V2, changes={**_V2_WHOLE, "ignore_largest": 0.0}),
    Variant(group="resolution", name="0.75 of the size", recipe=_V1, changes={}, scale=0.75),
    Variant(group="resolution", name="the size", recipe=_V1, changes={}),
    Variant(group="resolution", name="1.25 of the size", recipe=_V1, changes={}, scale=1.25),
)
