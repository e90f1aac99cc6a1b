# SPDX-License-Identifier: Apache-2.0
"""Does LeJEPA help depth: a preset of ``train jepa`` and its twin without, seed by seed, in one table with embeddings.

usage: python scripts/jepa_twins.py OUT [--preset jepa-tiny-cpu] [--seeds 0 1 2] [--scenes 100] [-- flags of train jepa]

Every run is ``leadline train jepa --config PRESET[-supervised] --seed N``, left alone where it is finished, and scored on
built-in scenes of the split test.  OUT gets the runs, ``comparison.md`` and ``sheet.png``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from leadline.ablation.cells import Cell
from leadline.ablation.statistics import lines
from leadline.ablation.tables import as_markdown
from leadline.ablation.variant import Variant
from leadline.data.catalog import open_dataset
from leadline.data.dataset import DepthDataset
from leadline.data.request import DatasetRequest
from leadline.evaluation.catalog import find_protocol
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from leadline.evaluation.report_pictures import compared_pictures
from leadline.inference.predictor import Predictor, load
from leadline.inference.preprocess import network_input
from leadline.losses.embedding_statistics import embedding_statistics
from leadline.rasters.images import picture_from_tensor
from leadline.rasters.panels import captioned, tile, write_picture

SHOWN = (0, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One finished run: its scores picture by picture, and numbers about its encoder's embeddings of the same pictures."""

    cell: Cell
    embeddings: Mapping[str, float]


def main(words: Sequence[str]) -> int:
    """Train what is missing, judge all, write the table."""
    cut = list(words).index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", default="jepa-tiny-cpu")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--scenes", type=int, default=100)
    asked = parser.parse_args(list(words[:cut]))
    scenes = open_dataset("procedural", DatasetRequest(split="test", options={"count": asked.scenes}))
    judged, rows = [], []
    for seed in asked.seeds:
        for name in (f"{asked.preset}-supervised", asked.preset):
            run = trained(asked.out / f"{name}-seed{seed}", name, seed, words[cut + 1 :])
            predictor = load(str(run), device="cpu", precision="fp32")
            judged.append(judge(predictor, scenes, name, seed))
            rows += sheet_rows(predictor, scenes, f"{name}, seed {seed}") if seed == asked.seeds[0] else []
    text = as_markdown(lines([one.cell for one in judged])) + "\n" + embedding_table(judged)
    (asked.out / "comparison.md").write_text(text, encoding="utf-8")
    write_picture(asked.out / "sheet.png", tile(rows))
    sys.stdout.write(text)
    return 0


def trained(run: Path, preset: str, seed: int, flags: Sequence[str]) -> Path:
    """The run, trained unless its report says that it is finished."""
    if not (run / "report.html").is_file():
        command = ["train", "jepa", "--config", preset, "--seed", str(seed), "--save-dir", str(run), *flags]
        subprocess.run([sys.executable, "-m", "leadline", *command], check=True)
    return run


def judge(predictor: Predictor, scenes: DepthDataset, name: str, seed: int) -> Judged:
    """Score a run on scenes, and look at what its encoder makes of them."""
    result = evaluate(predictor, scenes, find_protocol("procedural"), settings=EvaluationSettings())
    scores = {metric: {row.key: row.metrics[metric] for row in result.rows} for metric in ("abs_rel", "delta1")}
    variant = Variant(group="jepa", name=name, recipe="jepa")
    cell = Cell(variant=variant, seed=seed, scores={"procedural": scores}, seconds=0.0)
    return Judged(cell=cell, embeddings=embeddings_of(predictor, scenes))


def embeddings_of(predictor: Predictor, scenes: DepthDataset) -> dict[str, float]:
    """Numbers about the encoder's embeddings of whole pictures, before any projector, each dimension brought to spread 1.

    So statistic and rank say how independent the dimensions are, whatever their scale, which only a projector learns.
    """
    model = predictor.model
    found = []
    for index in range(len(scenes)):
        picture = picture_from_tensor(scenes[index].image)
        image = network_input(picture, predictor.preprocessing, model.normalisation)[None]
        with torch.no_grad():
            found.append(model.embed(model.encode(image))[0].float())
    raw = torch.stack(found)
    spread = raw.std(dim=0)
    centred = (raw - raw.mean(dim=0)) / spread.clamp(min=1e-12)
    statistics = embedding_statistics(centred[None], step=0)
    return {
        "effective rank": statistics.effective_rank.item(),
        "SIGReg per picture": (statistics.statistic.mean() / statistics.count).item(),
        "smallest / mean spread": (spread.min() / spread.mean()).item(),
    }


def embedding_table(judged: Sequence[Judged]) -> str:
    """One line per run."""
    names = list(judged[0].embeddings)
    body = [
        f"| {one.cell.variant.name} | {one.cell.seed} | {' | '.join(f'{one.embeddings[name]:.3g}' for name in names)} |"
        for one in judged
    ]
    return "\n".join([f"| run | seed | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|", *body]) + "\n"


def sheet_rows(predictor: Predictor, scenes: DepthDataset, who: str) -> list[list[NDArray[np.uint8]]]:
    """RGB | truth | prediction | error of a few scenes, a row each."""
    shown = compared_pictures(predictor, [scenes[index] for index in SHOWN], find_protocol("procedural"))
    return [[captioned(one.pixels, f"{who}: {one.caption}")] for one in shown]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
