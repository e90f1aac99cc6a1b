# SPDX-License-Identifier: Apache-2.0
"""What was compared enters; the certificate beside an exported file leaves: no dates, the same for the same export."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadline.contracts.errors import ContractError
from leadline.rasters.atomic import atomically

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX = ".certificate.json"
_PACKAGES = ("leadline", "torch", "onnx", "onnxscript", "onnxruntime", "openvino", "numpy")


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One picture through the model and through the file, in float32.

    Attributes:
        picture: what was shown.
        size_px: (H, W).
        runtime: what ran the file.
        max_difference, mean_difference: over the pixels, as shares of the range (greatest - least) of the model's map.
        p99_difference: the 99th percentile, likewise.
        max_difference_ulps: the largest once more, in float32 spacings (2**-23) of the map's greatest magnitude.
        max_confidence_difference: largest absolute difference of the confidence, or None without one.
    """

    picture: str
    size_px: tuple[int, int]
    runtime: str
    max_difference: float
    mean_difference: float
    p99_difference: float
    max_difference_ulps: float
    max_confidence_difference: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tolerance:
    """Largest differences that pass, as shares of the range of the model's map; why so many, says ``export.TOLERANCES``.

    Attributes:
        max_difference, p99_difference, mean_difference: all three must hold; or
        rounding_ulps: no pixel is farther off than so many float32 spacings of the map's greatest magnitude.  A map that
            hardly varies cannot be known better: the same sums in another order differ by that, however small its range.
    """

    max_difference: float
    p99_difference: float
    mean_difference: float
    rounding_ulps: float

    def require(self, checks: Sequence[Check]) -> None:
        """Refuse where a check does not pass, or was not a number.

        Raises:
            ContractError: the export is not the model.
        """
        for check in checks:
            certainty = check.max_confidence_difference
            within = (
                check.max_difference <= self.max_difference
                and check.p99_difference <= self.p99_difference
                and check.mean_difference <= self.mean_difference
            )
            as_sure = certainty is None or certainty <= self.max_difference
            if not (as_sure and (within or check.max_difference_ulps <= self.rounding_ulps)):  # also where one is NaN
                raise ContractError(
                    expected=f"the model's own numbers, to {self.p99_difference:g} of the map's range",
                    got=f"{check.max_difference:.2g} at most, {check.p99_difference:.2g} at the 99th percentile and "
                    f"{check.mean_difference:.2g} on average, or {check.max_difference_ulps:.0f} roundings of float32, on "
                    f"{check.picture}, "
                    f"{check.size_px[0]}x{check.size_px[1]}, by {check.runtime}; the file was removed",
                    remedy="report it, with the model and the versions from `leadline doctor`",
                )


def write_certificate(file: Path, described: Mapping[str, Any], checks: Sequence[Check], tolerance: Tolerance) -> Path:
    """Write the certificate of ``file`` beside it, and say where.

    Args:
        file: exported; with its weights, where those lie beside it.
        described: what the graph says of itself.
        checks: all of them passed ``tolerance``.
        tolerance: what was demanded.

    Raises:
        StorageError: the folder cannot be written.
    """
    parts = [one for one in (file, *companions(file)) if one.is_file()]
    values = {
        "file": file.name,
        "sha256": {one.name: sha256_of(one) for one in parts},
        "graph": dict(described),
        "differences": "shares of the range (greatest - least) of the model's own float32 map; ulps: float32 spacings "
        "(2**-23) of its greatest magnitude; a check passes by its three shares, or by its ulps alone; the largest share "
        "may exceed the 99th percentile: single pixels beside sharp edges feel how exactly a map is enlarged",
        "tolerance": asdict(tolerance),
        "max_difference": max(check.max_difference for check in checks),
        "mean_difference": sum(check.mean_difference for check in checks) / len(checks),
        "checks": [asdict(check) for check in checks],
        "versions": {name: _version(name) for name in _PACKAGES},
    }
    path = certificate_of(file)
    with atomically(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return path


def certificate_of(file: Path) -> Path:
    """Where the certificate of an exported file lies."""
    return file.with_name(file.name + SUFFIX)


def companions(file: Path) -> tuple[Path, ...]:
    """Files an exported file cannot do without, where they exist: the weights of an ``.xml`` or of a large ``.onnx``."""
    return (file.with_suffix(".bin") if file.suffix == ".xml" else file.with_name(file.name + ".data"),)


def sha256_of(file: Path) -> str:
    """Hexadecimal digest of a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def sha256_of_tensors(state: Mapping[str, Tensor]) -> str:
    """Hexadecimal digest of names, shapes, types and values, whatever order they come in."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.view(-1).numpy().tobytes())
    return digest.hexdigest()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
