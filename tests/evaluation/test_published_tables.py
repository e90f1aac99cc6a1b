# SPDX-License-Identifier: Apache-2.0
"""The shipped tables: complete, in range, tied to protocols that exist, and true to sums that papers print themselves."""

import pytest

from leadline.evaluation.catalog import PROTOCOLS
from leadline.evaluation.published_tables import DA2K_SCENES, PUBLISHED

RELATIVE = {"NYU", "KITTI", "Sintel", "DDAD", "ETH3D", "DIODE"}


def cells(model: str, table: str = "zero-shot relative depth") -> dict[str, dict[str, float]]:
    return {row.benchmark.name: dict(row.metrics) for row in PUBLISHED if (row.model, row.table) == (model, table)}


def test_tables__have_every_row_once() -> None:
    names = [(row.table, row.model, row.benchmark.name) for row in PUBLISHED]
    assert len(set(names)) == len(names)
    counts = {table: sum(row.table == table for row in PUBLISHED) for table in dict.fromkeys(row.table for row in PUBLISHED)}
    assert counts == {
        "zero-shot relative depth": 9 * 6 - 5, "DA-2K": 8, "DA-2K by scene": 3, "students' data": 6 + 6,
        "V1 ablation of losses": 24, "V1 feature margin": 3, "V1 features on": 3, "V1 teachers by data": 7,
        "V2 teachers by data": 12, "V2 encoders, synthetic only": 7, "metric fine-tuning": 6, "self-supervised on KITTI": 12,
    }  # fmt: skip


def test_tables__name_protocols_that_exist_and_measure_such_metrics() -> None:
    for row in PUBLISHED:
        assert row.benchmark.protocol is None or row.benchmark.protocol in PROTOCOLS
        assert row.source
        for name, value in row.metrics.items():
            plain = name.split("/")[0].removesuffix("_scaled")
            assert plain in {"abs_rel", "delta1", "rmse", "accuracy", "sq_rel", "rmse_log"}
            assert 0 < value <= (4 if plain == "rmse" else 1)


@pytest.mark.parametrize("model", ["Depth Anything V2 S", "Depth Anything V1 L", "MiDaS v3.1 L"])
def test_tables__only_nyu_kitti_and_da2k_can_be_reproduced(model: str) -> None:
    verdicts = {
        row.benchmark.name: row.obstacle == "" for row in PUBLISHED if row.model == model and row.benchmark.name in RELATIVE
    }
    assert {name for name, can in verdicts.items() if can} == {"NYU", "KITTI"}
    assert all(row.obstacle == "" for row in PUBLISHED if row.table == "DA-2K" and not row.model.endswith("V2 G"))


def test_tables__weights_that_were_never_released_cannot_be_evaluated() -> None:
    for row in PUBLISHED:
        if row.model in {"Depth Anything V2 G", "Depth Anything V2 teacher G"} or row.table.startswith(
            ("V1", "V2", "metric")
        ):
            assert row.obstacle or row.model == "V1 L, + L_feat"  # which is the released V1 L


def test_tables__spot_checks() -> None:
    assert cells("Depth Anything V2 S")["NYU"] == {"abs_rel": 0.053, "delta1": 0.973}
    assert cells("Depth Anything V2 L")["ETH3D"] == {"abs_rel": 0.131, "delta1": 0.865}
    assert "DDAD" not in cells("Depth Anything V2 B")
    assert cells("MiDaS v3.1 L")["DDAD"] == {"abs_rel": 0.251, "delta1": 0.766}


def test_tables__da2k_is_the_mean_over_pairs_not_over_scenes() -> None:
    scenes = cells("Depth Anything V2 S", "DA-2K by scene")["DA-2K"]
    shares = dict(zip(DA2K_SCENES, (0.20, 0.17, 0.15, 0.10, 0.16, 0.09, 0.06, 0.07), strict=True))
    micro = sum(share * scenes[f"accuracy/{scene}"] for scene, share in shares.items())
    assert micro == pytest.approx(cells("Depth Anything V2 S", "DA-2K")["DA-2K"]["accuracy"], abs=1e-3)
    assert sum(scenes.values()) / 8 == pytest.approx(0.9583, abs=1e-4)


def test_tables__margins_and_ablations_agree_where_they_describe_one_model() -> None:
    last, first = cells("V1 L, + L_feat", "V1 ablation of losses"), cells("Depth Anything V1 L")
    assert {name: cell["abs_rel"] for name, cell in last.items()} == {name: cell["abs_rel"] for name, cell in first.items()}
