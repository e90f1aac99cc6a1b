# SPDX-License-Identifier: Apache-2.0
"""What may move in a part of an encoder: names and numbers enter, a checked policy leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from leadline.contracts.errors import require
from leadline.models.requirements import correct, require_one_of

PolicyKind = Literal["frozen", "lora", "full"]
Projection = Literal["q", "k", "v"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AdaptationConfig:
    """How far a backbone or a neck is trained.

    Attributes:
        kind: "frozen" = nothing moves, batch statistics neither; "lora" = a low-rank addition beside each attention's
            projections and nothing else (Hu et al. 2021, arXiv 2106.09685); "full" = everything that is used.
        rank: of the addition to each projection; "lora" only.
        alpha: the addition is multiplied by alpha / rank; "lora" only.
        targets: which of the projections get one; "lora" only.
    """

    kind: PolicyKind = "full"
    rank: int = 4
    alpha: float = 4.0
    targets: tuple[Projection, ...] = ("q", "v")

    def __post_init__(self) -> None:
        require_one_of(self.kind, get_args(PolicyKind))
        require(self.rank >= 1, "a LoRA rank of at least 1", self.rank, correct("rank"))
        require(self.alpha > 0, "a LoRA alpha above 0", self.alpha, correct("alpha"))
        known = get_args(Projection)
        once = bool(self.targets) and len(set(self.targets)) == len(self.targets) and set(self.targets) <= set(known)
        require(once, f"LoRA targets among {', '.join(known)}, each once", self.targets, correct("targets"))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what ``from_dict`` takes."""
        return asdict(self) | {"targets": list(self.targets)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> AdaptationConfig:
        """The inverse of ``to_dict``; an unknown name is a ``UsageError``."""
        names = tuple(one.name for one in fields(AdaptationConfig))
        for name in values:
            require_one_of(name, names)
        known: dict[str, Any] = dict(values)
        if "targets" in known:
            known["targets"] = tuple(known["targets"])
        return AdaptationConfig(**known)


FROZEN = AdaptationConfig(kind="frozen")
FULL = AdaptationConfig()
