# SPDX-License-Identifier: Apache-2.0
"""Every benchmark by name, with what it measures and what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchmarkEntry:
    """One benchmark.

    Attributes:
        module: where its ``measure(settings) -> Report`` is; a name, so that listing benchmarks imports no torch.
        summary: what is measured against what.
        expected: the goal.
    """

    module: str
    summary: str
    expected: str


BENCHMARKS: dict[str, BenchmarkEntry] = {
    "train-step": BenchmarkEntry(
        module="leadline.benchmarks.train_step",
        summary="training step of ViT-S at 252x252 and 518x518 against transformers' DepthAnything, float32, plain loop",
        expected="at least 3x on a CPU with bf16 units, equal loss curve",
    ),
    "cached-features": BenchmarkEntry(
        module="leadline.benchmarks.cached_features",
        summary="training step of ViT-S' decoder with the frozen encoder's features kept, against computing them each time",
        expected="at least 1.8x",
    ),
    "loader": BenchmarkEntry(
        module="leadline.benchmarks.loader",
        summary="pictures with depth per second, resized and augmented on one core, against bare Pillow on the same files",
        expected="at least 0.8x; procedural scenes at least 40 images/s per core at 256x192",
    ),
    "loss-overhead": BenchmarkEntry(
        module="leadline.benchmarks.loss_overhead",
        summary="Depth Anything's losses and CutMix, forward and backward, against a training step of ViT-S at 252x252",
        expected="at most 5 %",
    ),
    "student-step": BenchmarkEntry(
        module="leadline.benchmarks.student_step",
        summary="a student's training step with its teacher's labels kept, against asking the teacher in every step",
        expected="at least 1.2x with a teacher of the student's size",
    ),
    "labelling": BenchmarkEntry(
        module="leadline.benchmarks.labelling",
        summary="a label job of ViT-S at 518 px against its forward passes alone, and two workers against one",
        expected="at least 90 % of the forward passes' pace; two workers at least 1.85x one on two cores",
    ),
    "memory": BenchmarkEntry(
        module="leadline.benchmarks.memory",
        summary="peak memory of a training step against weights, gradients, AdamW and activations",
        expected="at most 1.1x",
    ),
    "sigreg": BenchmarkEntry(
        module="leadline.benchmarks.sigreg",
        summary="SIGReg against its straightforward form and a step of ViT-S; views in one forward against one by one",
        expected="at least 2x, at most a quarter of the memory, at most 5 % of the step; views at least 1.5x",
    ),
    "stereo": BenchmarkEntry(
        module="leadline.benchmarks.stereo",
        summary="matching of two views by row correlation against moving features for each level; an update in its parts",
        expected="at least 3x, at most a fifth of the memory, equal to 1e-6",
    ),
    "inference": BenchmarkEntry(
        module="leadline.benchmarks.inference",
        summary="one picture through ViT-S at 518x518 on every runtime against transformers' DepthAnything, float32, eager",
        expected="at least 4x in bf16 and 2.3x in float32; a folder at 90 % of the network's own pace",
    ),
}
