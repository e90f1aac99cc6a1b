# SPDX-License-Identifier: Apache-2.0
"""The tables of Depth Anything V1 and V2 and what they are compared with: numbers as printed enter, rows leave.

V1 is arXiv 2401.10891, V2 is arXiv 2406.09414.  Of the zero-shot columns NYU and KITTI have been reproduced independently
within 0.003 AbsRel; full native DIODE gives about 0.21, ETH3D 0.09 to 0.10 and Sintel 0.23 where V2 prints 0.066 to 0.073,
0.131 to 0.142 and about 0.5, so how those columns were made is not public.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from leadline.evaluation.published import Benchmark, PublishedRow
from leadline.evaluation.published_stereo import PUBLISHED_STEREO

_NO_RECIPE = "no public evaluation gives the paper's column"
NYU = Benchmark(name="NYU", protocol="nyu-relative", images=654)
KITTI = Benchmark(name="KITTI", protocol="kitti-relative", images=652)
SINTEL = Benchmark(name="Sintel", protocol="sintel-relative", images=None, obstacle=_NO_RECIPE)
DDAD = Benchmark(name="DDAD", protocol=None, images=None, obstacle=_NO_RECIPE)
ETH3D = Benchmark(name="ETH3D", protocol="eth3d-relative", images=None, obstacle=_NO_RECIPE)
DIODE = Benchmark(name="DIODE", protocol="diode-relative", images=None, obstacle=_NO_RECIPE)
MEAN_OF_SIX = Benchmark(
    name="mean of six", protocol=None, images=None, obstacle="a mean over columns that no public evaluation gives"
)
DA2K = Benchmark(name="DA-2K", protocol="da2k", images=1033)
NYU_METRIC = Benchmark(name="NYU, metres", protocol="nyu-eigen", images=654)
KITTI_METRIC = Benchmark(name="KITTI, metres", protocol=None, images=652)

_V1, _V2 = "Depth Anything V1 (arXiv 2401.10891)", "Depth Anything V2 (arXiv 2406.09414)"
_SIX = (KITTI, NYU, SINTEL, DDAD, ETH3D, DIODE)

# AbsRel and delta1 per data set, in the order of _SIX; a dash where the paper has no number.
_ZERO_SHOT = {
    "MiDaS v3.1 L": ".127/.850 .048/.980 .587/.699 .251/.766 .139/.867 .075/.942",
    "Depth Anything V1 S": ".080/.936 .053/.972 .464/.739 .247/.768 .127/.885 .076/.939",
    "Depth Anything V1 B": ".080/.939 .046/.979 .432/.756 .232/.786 .126/.884 .069/.946",
    "Depth Anything V1 L": ".076/.947 .043/.981 .458/.760 .230/.789 .127/.882 .066/.952",
    "Depth Anything V2 S": ".078/.936 .053/.973 .500/.718 - .142/.851 .073/.942",
    "Depth Anything V2 B": ".078/.939 .049/.976 .495/.734 - .137/.858 .068/.950",
    "Depth Anything V2 L": ".074/.946 .045/.979 .487/.752 - .131/.865 .066/.952",
    "Depth Anything V2 G": ".075/.948 .044/.979 .506/.772 - .132/.862 .065/.954",
    "Depth Anything V2 teacher G": ".075/.947 .044/.979 .530/.767 - .131/.865 .066/.954",
}
_UNRELEASED = frozenset({"Depth Anything V2 G", "Depth Anything V2 teacher G"})

_DA2K_OVERALL = {
    "Marigold": 86.8,
    "GeoWizard": 88.1,
    "DepthFM": 85.8,
    "Depth Anything V1 L": 88.5,
    "Depth Anything V2 S": 95.3,
    "Depth Anything V2 B": 97.0,
    "Depth Anything V2 L": 97.1,
    "Depth Anything V2 G": 97.4,
}
DA2K_SCENES = (
    "indoor", "outdoor", "non_real", "transparent_reflective", "adverse_style", "aerial", "underwater", "object"
)  # fmt: skip
"""Scene folders of DA-2K in the order of V2's table 14."""
_DA2K_BY_SCENE = {
    "Depth Anything V2 S": "92.9 93.0 98.4 94.4 95.7 96.4 99.2 96.6",
    "Depth Anything V2 B": "96.2 94.8 98.7 96.3 96.7 99.0 100 97.3",
    "Depth Anything V2 L": "96.4 93.9 99.0 96.3 97.3 99.5 99.2 98.0",
}
# DA-2K in percent, KITTI and NYU AbsRel of students that saw no real picture; DA-2K of those that saw both at once.
_SYNTHETIC_ONLY = {"S": (89.8, 0.104, 0.084), "B": (92.9, 0.094, 0.062), "L": (96.0, 0.081, 0.048)}
_SYNTHETIC_AND_PSEUDO = {"S": 94.1, "B": 96.7, "L": 97.3}

# AbsRel in the order of _SIX.
_V1_PARTS = {
    "L_l": ".085 .053 .492 .245 .134 .070",
    "+ L_u": ".085 .054 .481 .242 .138 .073",
    "+ perturbations": ".081 .048 .469 .235 .134 .068",
    "+ L_feat": ".076 .043 .458 .230 .127 .066",
}
_V1_MARGIN = {"alpha 1.00": 0.188, "alpha 0.85": 0.175, "alpha 0.70": 0.178}
_V1_FEATURES_ON = {"none": 0.180, "unlabelled": 0.175, "labelled": 0.179}
_V1_ONE_SET = {
    "BlendedMVS": (0.210, 0.844),
    "DIML": (0.226, 0.837),
    "HR-WSI": (0.200, 0.846),
    "IRS": (0.215, 0.840),
    "MegaDepth": (0.274, 0.780),
    "TartanAir": (0.222, 0.841),
    "all": (0.180, 0.874),
}
_V2_ONE_SET = {  # KITTI, NYU
    "BlendedMVS": (0.088, 0.069),
    "Hypersim": (0.086, 0.054),
    "IRS": (0.100, 0.055),
    "TartanAir": (0.094, 0.063),
    "VKITTI2": (0.102, 0.127),
    "all": (0.081, 0.048),
}
_V2_ENCODERS = {
    "BEiT-L": 0.068,
    "SAM-L": 0.186,
    "SynCLR-L": 0.344,
    "DINOv2-L": 0.048,
    "DINOv2-L with registers": 0.049,
    "DINOv2-G": 0.044,
    "DINOv2-G with registers": 0.061,
}
_METRIC = {  # delta1, AbsRel, RMSE in metres: NYU, then KITTI
    "S": ((0.961, 0.073, 0.261), (0.973, 0.053, 2.235)),
    "B": ((0.977, 0.063, 0.228), (0.979, 0.048, 1.999)),
    "L": ((0.984, 0.056, 0.206), (0.983, 0.045, 1.861)),
}


def _zero_shot() -> Iterator[PublishedRow]:
    for model, cells in _ZERO_SHOT.items():
        source = f"{_V2}, table 2 and appendix" if " V2 " in model else f"{_V1}, table 2"
        for benchmark, cell in zip(_SIX, cells.split(), strict=True):
            if cell != "-":
                error, inliers = (float(number) for number in cell.split("/"))
                yield PublishedRow(
                    table="zero-shot relative depth",
                    model=model,
                    benchmark=benchmark,
                    metrics={"abs_rel": error, "delta1": inliers},
                    source=source,
                    released=model not in _UNRELEASED,
                )


def _da2k() -> Iterator[PublishedRow]:
    for model, percent in _DA2K_OVERALL.items():
        yield _accuracy("DA-2K", model, {"accuracy": percent}, f"{_V2}, table 3", released=model not in _UNRELEASED)
    for model, cells in _DA2K_BY_SCENE.items():
        by_scene = {f"accuracy/{scene}": float(cell) for scene, cell in zip(DA2K_SCENES, cells.split(), strict=True)}
        yield _accuracy("DA-2K by scene", model, by_scene, f"{_V2}, table 14", released=True)
    for size, (percent, *_) in _SYNTHETIC_ONLY.items():
        yield _accuracy("students' data", f"V2 {size}, synthetic only", {"accuracy": percent}, _V2, released=False)
    for size, percent in _SYNTHETIC_AND_PSEUDO.items():
        yield _accuracy("students' data", f"V2 {size}, synthetic and pseudo", {"accuracy": percent}, _V2, released=False)


def _ablations() -> Iterator[PublishedRow]:
    for parts, cells in _V1_PARTS.items():
        for benchmark, cell in zip(_SIX, cells.split(), strict=True):
            row = _trained("V1 ablation of losses", f"V1 L, {parts}", benchmark, f"{_V1}, table 9", {"abs_rel": float(cell)})
            yield replace(row, released=parts == "+ L_feat")  # the last line is the released model
    for margin, error in _V1_MARGIN.items():
        yield _trained("V1 feature margin", f"V1 S, {margin}", MEAN_OF_SIX, f"{_V1}, table 12", {"abs_rel": error})
    for where, error in _V1_FEATURES_ON.items():
        yield _trained("V1 features on", f"V1 S, {where}", MEAN_OF_SIX, f"{_V1}, table 13", {"abs_rel": error})
    for data, (error, inliers) in _V1_ONE_SET.items():
        yield _trained(
            "V1 teachers by data", f"V1 teacher on {data}", MEAN_OF_SIX, _V1, {"abs_rel": error, "delta1": inliers}
        )
    for data, on_both in _V2_ONE_SET.items():
        for benchmark, error in zip((KITTI, NYU), on_both, strict=True):
            yield _trained("V2 teachers by data", f"V2 L on {data}", benchmark, _V2, {"abs_rel": error})
    for size, (_, *errors) in _SYNTHETIC_ONLY.items():
        for benchmark, error in zip((KITTI, NYU), errors, strict=True):
            yield _trained("students' data", f"V2 {size}, synthetic only", benchmark, _V2, {"abs_rel": error})
    for encoder, error in _V2_ENCODERS.items():
        yield _trained("V2 encoders, synthetic only", encoder, NYU, _V2, {"abs_rel": error})


def _metric() -> Iterator[PublishedRow]:
    for size, both in _METRIC.items():
        for benchmark, values in zip((NYU_METRIC, KITTI_METRIC), both, strict=True):
            metrics = dict(zip(("delta1", "abs_rel", "rmse"), values, strict=True))
            yield _trained("metric fine-tuning", f"Depth Anything V2 {size} + Zoe", benchmark, f"{_V2}, table 4", metrics)


def _accuracy(table: str, model: str, percent: dict[str, float], source: str, *, released: bool) -> PublishedRow:
    """The papers print percent; ``accuracy`` here is a share."""
    metrics = {name: round(value / 100, 4) for name, value in percent.items()}
    return PublishedRow(table=table, model=model, benchmark=DA2K, metrics=metrics, source=source, released=released)


def _trained(table: str, model: str, benchmark: Benchmark, source: str, metrics: dict[str, float]) -> PublishedRow:
    """A row whose weights were never published."""
    return PublishedRow(table=table, model=model, benchmark=benchmark, metrics=metrics, source=source, released=False)


PUBLISHED: tuple[PublishedRow, ...] = (*_zero_shot(), *_da2k(), *_ablations(), *_metric(), *PUBLISHED_STEREO)
"""Every row, table by table."""
