# SPDX-License-Identifier: Apache-2.0
"""Which curves of a run are worth a look: curves by tag enter, charts leave."""

from __future__ import annotations

from collections.abc import Mapping

from leadline.evaluation.charts import Series, line_chart
from leadline.evaluation.history import Curve

_RATE = "Train/LearningRate"
_STEP = "training step"


def charts(curves: Mapping[str, Curve]) -> list[str]:
    """SVGs in reading order: loss, its terms, each validation metric (overall and per dataset), learning rate."""
    found = [_losses(curves), _terms(curves), *_validation(curves), _rates(curves)]
    return [chart for chart in found if chart]


def _losses(curves: Mapping[str, Curve]) -> str:
    wanted = (
        Series(name="training, per batch", points=curves.get("Train/BatchLoss", []), faint=True),
        Series(name="training, epoch mean", points=curves.get("Train/EpochLoss", [])),
        Series(name="validation", points=curves.get("Val/Loss", [])),
    )
    return _chart("Loss", wanted, "loss", logarithmic=True)


def _terms(curves: Mapping[str, Curve]) -> str:
    prefix = "Train/Epoch"
    wanted = [
        Series(name=tag.removeprefix(prefix), points=points)
        for tag, points in curves.items()
        if tag.startswith(prefix) and tag != prefix + "Loss"
    ]
    return _chart("Loss terms on the training data", wanted, "unweighted term, epoch mean", logarithmic=True)


def _validation(curves: Mapping[str, Curve]) -> list[str]:
    """One chart per metric ``Val/METRIC``; ``Val/PART/METRIC`` join it where there are several parts: datasets, or paths."""
    parts = [tag.split("/") for tag in curves if tag.startswith("Val/")]
    named = list(dict.fromkeys(part[1] for part in parts if len(part) == 3))
    metrics = list(dict.fromkeys(part[-1] for part in parts if len(part) in {2, 3} and part[-1] != "Loss"))
    return [
        _chart(
            f"Validation {metric}",
            [
                Series(name="all images", points=curves.get(f"Val/{metric}", [])),
                *(
                    Series(name=part, points=curves.get(f"Val/{part}/{metric}", []))
                    for part in (named if len(named) > 1 or f"Val/{metric}" not in curves else [])
                ),
            ],
            metric,
        )
        for metric in metrics
    ]


def _rates(curves: Mapping[str, Curve]) -> str:
    groups = {tag.removeprefix(_RATE + "/"): points for tag, points in curves.items() if tag.startswith(_RATE + "/")}
    wanted = groups or ({"learning rate": curves[_RATE]} if _RATE in curves else {})
    return _chart("Learning rate", [Series(name=name, points=points) for name, points in wanted.items()], "learning rate")


def _chart(title: str, series: list[Series] | tuple[Series, ...], y_label: str, *, logarithmic: bool = False) -> str:
    """The chart of the series that have points; empty where none has."""
    present = [one for one in series if one.points]
    if not present:
        return ""
    return line_chart(present, title=title, x_label=_STEP, y_label=y_label, logarithmic=logarithmic)
