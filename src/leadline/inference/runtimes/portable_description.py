# SPDX-License-Identifier: Apache-2.0
"""What an exported graph says of itself: a description enters as plain data or as the JSON in the file, the other leaves."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError
from leadline.inference.preprocess import PreprocessSettings

FORMAT = 1  # rises when a file written today could be misread tomorrow


@dataclass(frozen=True, kw_only=True, slots=True)
class PortableDescription:
    """What a graph takes, does and claims.

    Attributes:
        kind: the claim of its depth.
        preprocessing: how a picture reaches the network's size.
        resizes: True where the graph does that itself and gives depth at the picture's size; False where it takes uint8
            pictures of the network's size and gives depth at that size.
        has_confidence: whether a second output says how sure the model is.
        size_px: (H, W) of the one size it takes, or None for any.
        model: where the model came from, as the user wrote it.
        model_sha256: of the model's tensors.
        architecture: the model's configuration, as JSON values.
        precision: in which the weights are stored.
    """

    kind: DepthKind
    preprocessing: PreprocessSettings
    resizes: bool
    has_confidence: bool
    size_px: tuple[int, int] | None
    model: str
    model_sha256: str
    architecture: dict[str, Any]
    precision: str = "fp32"

    def to_json(self) -> str:
        """Text for the file, the same for the same description."""
        values = asdict(self) | {"kind": self.kind.value, "unit": self.kind.unit, "format": FORMAT}
        return json.dumps(values, sort_keys=True)

    @staticmethod
    def from_json(text: str, source: str) -> PortableDescription:
        """The inverse of ``to_json``.

        Raises:
            DataError: the text is none of ours, or of a later version; ``source`` names the file.
        """
        try:
            values = json.loads(text)
            version = values.pop("format")
            del values["unit"]
            if version != FORMAT:
                raise _refusal(source, f"format {version}, which this version does not know")
            size = values["size_px"]
            return PortableDescription(
                **values
                | {
                    "kind": DepthKind(values["kind"]),
                    "preprocessing": PreprocessSettings(**values["preprocessing"]),
                    "size_px": None if size is None else (int(size[0]), int(size[1])),
                }
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _refusal(source, "none" if not text else f"{type(error).__name__}: {error}") from error


def _refusal(source: str, got: str) -> DataError:
    return DataError(
        expected=f"a description by Leadline in {source}", got=got, remedy="export the model again with `leadline export`"
    )
