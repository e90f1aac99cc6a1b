# SPDX-License-Identifier: Apache-2.0
"""How good is a stereo run on built-in pairs nobody chose by: each path beside guesses that saw no depth either.

usage: python scripts/stereo_results.py RUN OUT [--pairs 100] [--learned-from 60]

RUN is a finished ``leadline train stereo --datasets procedural``.  OUT gets ``table.md``, ``scores.json``, ``curves.svg``,
``pairs.png``.  Guesses: mean map and constant of the disparities that patches matched in training pairs have, and the winner
of plain block matching in the very pair.  The last column moves the right picture by 4 px: what looks through both eyes
answers with 4 px more, which is 1, and what looks through the left one alone with 0.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from leadline.cli.toml_defaults import converted_values
from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.sample import Sample
from leadline.data.collation import collate
from leadline.data.dataset import DepthDataset
from leadline.evaluation.charts import Series, line_chart
from leadline.evaluation.history import read_history
from leadline.evaluation.protocol import Case, ImageScore
from leadline.evaluation.report_style import STYLE
from leadline.evaluation.scoring import judged, score_judged
from leadline.evaluation.statistics import Means, means
from leadline.geometry.disparity import stereo_depth_m
from leadline.geometry.patch_matching import mutual_matches
from leadline.models.stereo.checkpoint import load_stereo_model
from leadline.rasters.panels import tile, write_picture
from leadline.recipes.stereo.config import StereoConfig
from leadline.recipes.stereo.pair import pair_of
from leadline.recipes.stereo.pictures import pictured_stages
from leadline.recipes.stereo.streams import open_pairs
from leadline.recipes.stereo.validation import StereoValidation

COLUMNS = {
    "epe": "EPE (px)",
    "d1": "D1 (%)",
    "delta1": "delta1",
    "abs_rel": "AbsRel",
    "rmse": "RMSE (m)",
    "follows": "follows the right picture",
}
NAMES = {
    "mono": "one eye, raw path",
    "refined": "one eye, refined path",
    "stereo": "two eyes",
    "constant": "constant of matched patches",
    "mean map": "mean map of matched patches",
    "block matching": "block matching of the pair, 7 x 7",
}
SHOWN, GRID, BLOCK_PX, GREY = (0, 3, 5), (8, 8), 7, (0.299, 0.587, 0.114)
FAR_PX, FAR_SHARE = 3.0, 0.05
MOVED_PX = 4


def main(words: Sequence[str]) -> int:
    """Score all, write everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--learned-from", type=int, default=60)
    asked = parser.parse_args(list(words))
    asked.out.mkdir(parents=True, exist_ok=True)
    config = configuration(asked.run)
    validation = StereoValidation(load_stereo_model(asked.run), config, {})
    training = open_pairs("procedural", config, part="train")
    guesses = matched_guesses([training[index] for index in range(min(asked.learned_from, len(training)))])
    scores, rows = scored(validation, held_out(config, asked.pairs), guesses)
    found = {name: means(of, resamples=2000, seed=0) for name, of in scores.items()}
    (asked.out / "table.md").write_text(as_table(found), encoding="utf-8")
    plain = {name: {"values": one.values, "intervals": one.intervals} for name, one in found.items()}
    (asked.out / "scores.json").write_text(json.dumps(plain, indent=1), encoding="utf-8")
    (asked.out / "curves.svg").write_text(as_curves(read_history(asked.run / "metrics.jsonl")), encoding="utf-8")
    write_picture(asked.out / "pairs.png", tile(rows))
    sys.stdout.write(as_table(found))
    return 0


def configuration(run: Path) -> StereoConfig:
    """What the run was told."""
    path = run / "config.toml"
    written = tomllib.loads(path.read_text(encoding="utf-8"))
    written.pop("recipe")
    return StereoConfig(**converted_values(StereoConfig, written, where=str(path)))


def held_out(config: StereoConfig, pairs: int) -> DepthDataset:
    """Pairs of the split test, which neither trains nor chooses."""
    from leadline.data.catalog import open_dataset
    from leadline.data.request import DatasetRequest

    options: dict[str, str | bool | float | int] = {
        "stereo": True,
        "baseline_m": config.pair_baseline,
        "count": pairs,
        "height": config.full_size[0],
        "width": config.full_size[1],
        "kinds": ",".join(config.procedural_kinds),
    }
    return open_dataset("procedural", DatasetRequest(split="test", options=options))


def matched_guesses(samples: Sequence[Sample]) -> dict[str, Tensor]:
    """(H,W) pixels each: the median, and the map of medians, of disparities of patches that match in training pairs."""
    height, width = samples[0].image.shape[1:]
    cells: dict[tuple[int, int], list[float]] = {}
    for sample in samples:
        assert sample.stereo is not None
        first, second = (torch.einsum("chw,c->hw", one, one.new_tensor(GREY)) for one in (sample.image, sample.stereo.image))
        found = mutual_matches(first=first, second=second, reach_px=width // 4, slack_px=2)
        good = found.disparity_px > 0
        for row, column, px in zip(found.rows[good], found.columns[good], found.disparity_px[good], strict=True):
            cells.setdefault((int(row) * GRID[0] // height, int(column) * GRID[1] // width), []).append(float(px))
    whole = float(np.median([px for values in cells.values() for px in values]))
    grid = torch.full(GRID, whole)
    for cell, values in cells.items():
        grid[cell] = float(np.median(values))
    grown = functional.interpolate(grid[None, None], (height, width), mode="bilinear", align_corners=False)[0, 0]
    return {"constant": torch.full((height, width), whole), "mean map": grown}


def block_matching(left: Tensor, right: Tensor, greatest_px: int) -> Tensor:
    """(1,3,H,W) twice -> (H,W) whole pixels of the least absolute difference over a window; ties go to the smaller one."""
    costs = []
    for px in range(greatest_px + 1):
        moved = functional.pad(right[..., : right.shape[-1] - px], (px, 0, 0, 0), mode="replicate")
        costs.append(functional.avg_pool2d((left - moved).abs().mean(1, keepdim=True), BLOCK_PX, 1, BLOCK_PX // 2))
    return torch.cat(costs, 1).argmin(1)[0].float().clamp(min=0.5)


def scored(
    validation: StereoValidation, pairs: DepthDataset, guesses: Mapping[str, Tensor]
) -> tuple[dict[str, list[ImageScore]], list[list[np.ndarray]]]:
    """The scores of every path and guess, pair by pair, and sheets of some pairs."""
    scores: dict[str, list[ImageScore]] = {}
    rows = []
    greatest = int(validation.config.greatest_disparity)
    for index in range(len(pairs)):
        sample = pairs[index]
        batch = collate([sample])
        pair = pair_of(batch, None)
        with torch.inference_mode():
            found = {name: one[0] for name, one in validation.disparities(pair.left, pair.right).items()}
            moved = torch.roll(pair.right, -MOVED_PX, dims=-1)
            answers = {"stereo": validation.disparities(pair.left, moved)["stereo"][0]}
            if index in SHOWN:
                rows.append([pictured_stages(validation.model, pair)])
        found |= dict(guesses) | {"block matching": block_matching(pair.left, pair.right, greatest)}
        answers["block matching"] = block_matching(pair.left, moved, greatest)
        for name, disparity in found.items():
            own = score(sample, disparity, validation)
            follows = followed(disparity, answers[name]) if name in answers else 0.0
            scores.setdefault(name, []).append(replace(own, metrics={**own.metrics, "follows": follows}))
    return scores, rows


def followed(before_px: Tensor, after_px: Tensor) -> float:
    """The change of (H,W) pixels as a share of ``MOVED_PX``, away from the borders, where the moved picture wraps around."""
    width = before_px.shape[1]
    inner = slice(width // 4, width - width // 12)
    return float((after_px - before_px)[:, inner].median()) / MOVED_PX


def score(sample: Sample, disparity_px: Tensor, validation: StereoValidation) -> ImageScore:
    """Pixels over all that have truth, hidden ones too, and metres through the rig of the pair, without any fit."""
    assert sample.stereo is not None
    assert sample.stereo.disparity_px is not None
    assert sample.camera is not None
    truth = sample.stereo.disparity_px
    known = truth.isfinite() & (truth > 0)
    error = (disparity_px - truth).abs()[known]
    far = (error > FAR_PX) & (error > FAR_SHARE * truth[known])
    depth_m = stereo_depth_m(disparity_px, focal_px=sample.camera.matrix[0, 0], baseline_m=sample.stereo.baseline_m)
    prediction = DepthMap(values=depth_m.numpy(), valid=np.ones(depth_m.shape, bool), kind=DepthKind.METRIC)
    metres = score_judged(judged(Case(sample=sample, prediction=prediction), validation._protocol)).metrics
    own = {"epe": float(error.mean()), "d1": 100 * float(far.float().mean())}
    return ImageScore(metrics=own | {name: metres[name] for name in ("delta1", "abs_rel", "rmse")})


def as_table(found: Mapping[str, Means]) -> str:
    """Markdown with 95 % intervals over pairs."""
    head = ["", *COLUMNS.values()]
    lines = [head, ["---"] * len(head)]
    for name, one in found.items():
        cells = [f"{one.values[key]:.3g} ({one.intervals[key][0]:.3g} to {one.intervals[key][1]:.3g})" for key in COLUMNS]
        lines.append([NAMES[name], *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_curves(history: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """The losses of the three stages, and held-out errors, as one picture of four charts."""
    charts = [
        _chart(history, "Train/Epoch", ("Mono/Photometric", "Stereo/Photometric"), "Reconstruction on training pairs"),
        _chart(history, "Train/Epoch", ("Stereo/Cost", "Refine/Distillation"), "What paths teach one another"),
        _chart(history, "Val/", ("mono/EPE", "refined/EPE", "stereo/EPE"), "End-point error, held-out pairs (px)"),
        _chart(history, "Val/", ("mono/D1", "refined/D1", "stereo/D1"), "delta1 in metres, held-out pairs"),
    ]
    box = [float(word) for word in charts[0].partition('viewBox="')[2].partition('"')[0].split()]
    width, height = box[2], box[3]
    placed = [
        chart.replace(
            "<svg ", f'<svg x="{width * (index % 2)}" y="{height * (index // 2)}" width="{width}" height="{height}" ', 1
        )
        for index, chart in enumerate(charts)
    ]
    frame = f'viewBox="0 0 {2 * width:g} {2 * height:g}" width="{2 * width:g}" height="{2 * height:g}"'
    paper = '<rect width="100%" height="100%" fill="#fbfbf9"/>'
    style = f"<style>{STYLE}svg{{font-family:sans-serif}}svg svg{{display:inline}}</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>{style}{paper}{"".join(placed)}</svg>\n'


def _chart(history: Mapping[str, Sequence[tuple[float, float]]], prefix: str, tags: Sequence[str], title: str) -> str:
    series = [Series(name=tag, points=history[prefix + tag]) for tag in tags if prefix + tag in history]
    return line_chart(series, title=title, x_label="batches", y_label="", logarithmic="delta1" not in title)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
