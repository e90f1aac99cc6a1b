# SPDX-License-Identifier: Apache-2.0
"""``leadline doctor``: nothing enters; what this machine and installation can do, and what to do about the rest, leaves."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from leadline.cli.arguments import parse
from leadline.cli.console import output, table


@dataclass(frozen=True, kw_only=True, slots=True)
class DoctorArguments:
    """Look at Python, torch, processor, memory, disk, accelerators and extras, and run a tiny model once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        subject: what.
        detail: what was found, and the remedy where something is wrong.
        well: False only for what keeps Leadline from working; exit status 1.
        noted: True for what costs a convenience only, which ``detail`` names with the remedy; no failure.
    """

    subject: str
    detail: str
    well: bool = True
    noted: bool = False

    @property
    def state(self) -> str:
        """In a word."""
        return "BROKEN" if not self.well else "note" if self.noted else "ok"


def main(argv: Sequence[str]) -> int:
    """Parse and run."""
    return run(parse(DoctorArguments, argv, prog="leadline doctor").value)


def run(_: DoctorArguments) -> int:
    """Print all findings; 0 when everything needed is well, else 1."""
    checks: tuple[Callable[[], list[Finding]], ...] = (
        software, processor, accelerators, storage, extras, self_check,
    )  # fmt: skip
    findings = [finding for check in checks for finding in check()]
    rows = [[finding.subject, finding.state, finding.detail] for finding in findings]
    output().print(table("", ["subject", "state", "found"], rows))
    return 0 if all(finding.well for finding in findings) else 1


def software() -> list[Finding]:
    """Versions of what everything runs on."""
    names = ("leadline", "torch", "torchvision", "timm", "numpy", "pillow")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return [Finding(subject="software", detail=f"Python {platform.python_version()}, {versions}, {platform.platform()}")]


def processor() -> list[Finding]:
    """Processor, cores and memory."""
    from leadline.benchmarks.machine import this_machine

    machine = this_machine()
    units = "bf16 units, so auto trains and predicts in bf16" if machine.has_bf16_units else "no bf16 units, so auto is fp32"
    return [
        Finding(subject="processor", detail=f"{machine.processor}, {machine.cores} usable cores, {units}"),
        Finding(subject="memory", detail=f"{machine.memory_gib:.1f} GiB"),
    ]


def accelerators() -> list[Finding]:
    """CUDA devices and Apple's, as torch sees them."""
    import torch

    if torch.cuda.is_available():
        found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
        names = ", ".join(f"{one.name} ({one.total_memory / 2**30:.0f} GiB)" for one in found)
        return [Finding(subject="accelerator", detail=f"CUDA {torch.version.cuda}: {names}")]
    if torch.backends.mps.is_available():
        return [Finding(subject="accelerator", detail="Apple MPS")]
    return [Finding(subject="accelerator", detail="none: networks run on the processor")]


def storage() -> list[Finding]:
    """Space where one stands, and whether downloaded weights can be kept."""
    from huggingface_hub.constants import HF_HUB_CACHE

    cache = Path(HF_HUB_CACHE)
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    writable = os.access(existing, os.W_OK)
    detail = str(cache) if writable else f"{cache} cannot be written, so hf: models cannot be fetched: set HF_HOME"
    free_gib = shutil.disk_usage(Path.cwd()).free / 2**30
    return [
        Finding(subject="disk", detail=f"{free_gib:.1f} GiB free in {Path.cwd()}"),
        Finding(subject="cache of weights", detail=detail, noted=not writable),
    ]


def extras() -> list[Finding]:
    """Each optional group of packages: there, or how to install it."""
    missing: dict[str, list[str]] = {}
    for requirement in metadata.requires("leadline") or []:
        match = re.match(r"([\w.-]+).*extra\s*==\s*['\"](\w+)['\"]", requirement)
        if match:
            missing.setdefault(match[2], []).extend([] if _is_installed(match[1]) else [match[1]])
    return [
        Finding(
            subject=f"extra '{extra}'",
            detail=f"without {', '.join(lacking)}: pip install 'leadline[{extra}]'" if lacking else "installed",
        )
        for extra, lacking in missing.items()
    ]


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def self_check() -> list[Finding]:
    """A tiny model predicts, and says the same twice."""
    import torch

    from leadline.models.config import DepthModelConfig
    from leadline.models.depth_model import DepthModel
    from leadline.models.head_config import MetricBinsHeadConfig

    model = DepthModel(DepthModelConfig(encoder="dinov2-toy", head=MetricBinsHeadConfig())).eval()
    image = torch.rand(1, 3, 56, 70)
    with torch.inference_mode():
        first, second = model(image), model(image)
    well = first.shape == (1, 56, 70) and bool(first.isfinite().all()) and torch.equal(first, second)
    detail = (
        "a tiny model predicts finite depth, twice the same" if well else "a tiny model predicts nonsense; please report it"
    )
    return [Finding(subject="self-check", detail=detail, well=well)]
