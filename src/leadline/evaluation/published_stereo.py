# SPDX-License-Identifier: Apache-2.0
"""What TiO-Depth and monodepth2 report on KITTI: numbers as printed enter, rows leave.

Networks that learnt from video are published after median scaling, hence the names in ``_scaled``; those that learnt from
pairs without.  The rows of both projects come from their own pages; other rows of TiO-Depth's tables were copied there from
papers whose evaluation differs in what these protocols tell apart, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from leadline.evaluation.published import Benchmark, PublishedRow

EIGEN_TIO = Benchmark(name="KITTI Eigen, pairs", protocol="kitti-eigen-tio", images=697)
EIGEN_MD2 = Benchmark(name="KITTI Eigen, monodepth2's way", protocol="kitti-eigen-md2", images=697)
STEREO_2015 = Benchmark(name="KITTI 2015", protocol="kitti-2015", images=200)

_TIO = "TiO-Depth (arXiv 2309.00933), page of ZM-Zhou/TiO-Depth_pytorch"
_MD2 = "monodepth2 (Godard et al. 2019), page of nianticlabs/monodepth2"
_TIO_METRICS = ("abs_rel", "sq_rel", "rmse", "rmse_log", "delta1")

# 384 x 1280, Swin-T; the second part of a name is what `leadline evaluate` calls --mode and --post-processing.
_TIO_EIGEN = {
    "TiO-Depth, refined": (0.085, 0.544, 3.919, 0.169, 0.911),
    "TiO-Depth, refined, flip": (0.083, 0.521, 3.864, 0.167, 0.912),
    "TiO-Depth, stereo": (0.063, 0.523, 3.611, 0.153, 0.943),
}
# Trained on the 28,968 pairs that share scenes with Eigen's test frames: another checkpoint than the one above.
_TIO_2015 = {
    "TiO-Depth for 2015, refined": (0.075, 0.458, 3.717, 0.130, 0.925),
    "TiO-Depth for 2015, refined, flip": (0.073, 0.439, 3.680, 0.128, 0.925),
    "TiO-Depth for 2015, stereo": (0.050, 0.434, 3.239, 0.104, 0.967),
}
# AbsRel and delta1; M = from video, S = from pairs, MS = from both.
_MD2_EIGEN = {
    "monodepth2 M 640x192": (0.115, 0.877),
    "monodepth2 S 640x192": (0.109, 0.864),
    "monodepth2 MS 640x192": (0.106, 0.874),
    "monodepth2 M 1024x320": (0.115, 0.879),
    "monodepth2 S 1024x320": (0.107, 0.874),
    "monodepth2 MS 1024x320": (0.106, 0.876),
}


def _rows() -> Iterator[PublishedRow]:
    for benchmark, rows in ((EIGEN_TIO, _TIO_EIGEN), (STEREO_2015, _TIO_2015)):
        for model, values in rows.items():
            yield _row(model, benchmark, dict(zip(_TIO_METRICS, values, strict=True)), _TIO)
    for model, (abs_rel, delta1) in _MD2_EIGEN.items():
        after_fit = "_scaled" if " M " in model else ""
        yield _row(model, EIGEN_MD2, {f"abs_rel{after_fit}": abs_rel, f"delta1{after_fit}": delta1}, _MD2)


def _row(model: str, benchmark: Benchmark, metrics: dict[str, float], source: str) -> PublishedRow:
    return PublishedRow(
        table="self-supervised on KITTI", model=model, benchmark=benchmark, metrics=metrics, source=source, released=True
    )


PUBLISHED_STEREO: tuple[PublishedRow, ...] = tuple(_rows())
"""Every row, table by table."""
