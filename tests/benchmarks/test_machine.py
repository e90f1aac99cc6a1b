# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch

from leadline.benchmarks.machine import matmul_peak_gflops, this_machine, usable_cores


def test_this_machine__says_in_one_line_where_it_ran() -> None:
    machine = this_machine()
    line = machine.line()
    assert "\n" not in line
    assert all(word in line for word in (machine.processor, f"{machine.cores} cores", torch.__version__, "GiB"))
    assert machine.cores == usable_cores() >= 1
    assert machine.memory_gib > 0.25


def test_matmul_peak__is_what_timing_the_product_by_hand_gives() -> None:
    import time

    torch.manual_seed(0)
    left, right = torch.randn(1536, 1536), torch.randn(1536, 1536)
    start = time.perf_counter()
    torch.mm(left, right)
    once = 2 * 1536**3 / (time.perf_counter() - start) / 1e9
    peak = matmul_peak_gflops(torch.device("cpu"), torch.float32, least_s=0.05)
    assert 0.5 * once < peak < 50 * once  # the best of several is at least about as fast as a cold one
