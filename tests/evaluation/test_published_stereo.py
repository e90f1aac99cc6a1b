# SPDX-License-Identifier: Apache-2.0
"""The shipped rows of stereo-supervised depth: complete, tied to protocols that measure them, scaled where they were."""

from leadline.evaluation.catalog import PROTOCOLS
from leadline.evaluation.metrics import DEPTH_METRICS
from leadline.evaluation.published import compare
from leadline.evaluation.published_stereo import PUBLISHED_STEREO
from leadline.evaluation.published_tables import PUBLISHED


def test_stereo_tables__have_every_row_once_and_are_published() -> None:
    assert len({row.model for row in PUBLISHED_STEREO}) == len(PUBLISHED_STEREO) == 12
    assert all(row in PUBLISHED for row in PUBLISHED_STEREO)


def test_stereo_tables__name_protocols_that_measure_their_metrics() -> None:
    for row in PUBLISHED_STEREO:
        assert row.benchmark.protocol is not None
        assert PROTOCOLS[row.benchmark.protocol].scaled is not None
        assert row.verdict == "reproducible"
        assert {name.removesuffix("_scaled") for name in row.metrics} <= set(DEPTH_METRICS)


def test_stereo_tables__rows_from_video_are_those_after_median_scaling() -> None:
    scaled = {row.model for row in PUBLISHED_STEREO if "abs_rel_scaled" in row.metrics}
    assert scaled == {"monodepth2 M 640x192", "monodepth2 M 1024x320"}


def test_stereo_tables__stand_beside_what_was_measured() -> None:
    measured = {"abs_rel": 0.09, "delta1": 0.9, "abs_rel_scaled": 0.08}
    beside = compare(PUBLISHED_STEREO, protocol="kitti-eigen-md2", metrics=measured)
    assert [(one.model, one.metric) for one in beside][:3] == [
        ("monodepth2 M 640x192", "abs_rel_scaled"),
        ("monodepth2 S 640x192", "abs_rel"),
        ("monodepth2 S 640x192", "delta1"),
    ]
    tio = compare(PUBLISHED_STEREO, protocol="kitti-eigen-tio", metrics=measured)
    assert {one.published for one in tio if one.metric == "abs_rel"} == {0.085, 0.083, 0.063}
