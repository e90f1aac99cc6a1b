# SPDX-License-Identifier: Apache-2.0
"""Nothing enters; what this machine is and what it can do at best leaves, because a speed without a machine says nothing."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from leadline.benchmarks.measurement import seconds_per_call
from leadline.benchmarks.settings import LEAST_S
from leadline.inference.device import multiplies_bf16


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Processor, memory and accelerator.

    Attributes:
        processor: its model, as the system names it.
        cores: cores this process may use.
        threads: threads torch uses.
        memory_gib: installed memory, 0.0 where unknown.
        has_bf16_units: whether the processor multiplies bfloat16 in hardware.
        accelerator: name of the first CUDA device, "mps", or "".
    """

    processor: str
    cores: int
    threads: int
    memory_gib: float
    has_bf16_units: bool
    accelerator: str

    def line(self) -> str:
        """One line for the head of a table."""
        units = "bf16 units" if self.has_bf16_units else "no bf16 units"
        accelerator = f", {self.accelerator}" if self.accelerator else ""
        cores = f"{self.cores} cores ({self.threads} threads, {units})"
        return (
            f"{self.processor}, {cores}, {self.memory_gib:.0f} GiB{accelerator}; "
            f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
        )


def this_machine() -> Machine:
    """Look at the machine this runs on."""
    return Machine(
        processor=_processor(),
        cores=usable_cores(),
        threads=torch.get_num_threads(),
        memory_gib=_memory_gib(),
        has_bf16_units=multiplies_bf16(torch.device("cpu")),
        accelerator=_accelerator(),
    )


def usable_cores() -> int:
    """Cores this process may run on, which in a container are fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError):
        return 0.0


def _accelerator() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    return "mps" if torch.backends.mps.is_available() else ""


def synchronise(device: torch.device) -> None:
    """Wait for everything queued on ``device``."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def matmul_peak_gflops(device: torch.device, dtype: torch.dtype, *, least_s: float = LEAST_S) -> float:
    """Billions of operations per second of a large matrix product: a practical ceiling for networks on this machine.

    Best of five, because it stands for what the machine can do, not for what it did.
    """
    side = 8192 if device.type == "cuda" else 1536
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))

    def product() -> None:
        torch.mm(left, right)
        synchronise(device)

    product()
    return 2 * side**3 / min(seconds_per_call(product, least_s=least_s / 5) for _ in range(5)) / 1e9
