# SPDX-License-Identifier: Apache-2.0
"""What a worker found when it opened the model enters; the folder's job leaves, begun or found to be the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError, WeightsError
from leadline.data.label_folder import LabelJob, read_job, write_job
from leadline.labelling.request import LabelRequest

_REMEDY = "label into another folder, or ask for what this one was begun with"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFacts:
    """What only an opened model can say.

    Attributes:
        weights_sha256: of its configuration and numbers.
        kind: the claim of its maps.
        settings: preprocessing, precision and device that it settled on, as plain JSON values.
    """

    weights_sha256: str
    kind: DepthKind
    settings: Mapping[str, Any]


def begin_or_join(request: LabelRequest, facts: ModelFacts) -> LabelJob:
    """The job in ``request.out``: begun where there is none, else the one that is there.

    Raises:
        WeightsError: the labels that are there were made by other weights.
        UsageError: they were made with other settings; the first that differs is named.
        StorageError: the folder cannot be written.
    """
    wanted = _job(request, facts)
    found = read_job(request.out)
    if found is None:
        write_job(request.out, wanted)
        return wanted
    require_same(found, facts, request)
    return found


def require_same(job: LabelJob, facts: ModelFacts, request: LabelRequest) -> None:
    """Refuse a model or settings other than those of ``job``; errors as for ``begin_or_join``."""
    wanted = _job(request, facts)
    if job.weights_sha256 != wanted.weights_sha256:
        raise WeightsError(
            expected=f"the weights that {request.out} was begun with, {job.model}",
            got=f"{wanted.model}, whose numbers differ",
            remedy=_REMEDY,
        )
    if job.settings_sha256 != wanted.settings_sha256:
        known, new = _plain(job.settings), _plain(wanted.settings)
        name = next((name for name in sorted(known | new) if known.get(name) != new.get(name)), "settings_sha256")
        raise UsageError(
            expected=f"{name} = {known.get(name)} for {request.out}, as it was begun",
            got=f"{new.get(name)}",
            remedy=_REMEDY,
        )


def _job(request: LabelRequest, facts: ModelFacts) -> LabelJob:
    settings = _plain({**request.settings, **facts.settings})
    return LabelJob(
        model=f"{_name(request.model)}@{facts.weights_sha256[:12]}",
        weights_sha256=facts.weights_sha256,
        kind=facts.kind,
        settings=settings,
        settings_sha256=hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
        leadline=version("leadline"),
    )


def _name(model: str) -> str:
    """Short, and the same wherever the model lies: the path's end, the run's name before a checkpoint's."""
    path = Path(model)
    if path.name.startswith("checkpoint_") and path.parent.name:
        return f"{path.parent.name}/{path.name}"
    return model if ":" in model else path.resolve().name


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives them back, so that tuples and lists compare equal."""
    plain: dict[str, Any] = json.loads(json.dumps(settings, sort_keys=True))
    return plain
