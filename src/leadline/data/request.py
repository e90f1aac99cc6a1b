# SPDX-License-Identifier: Apache-2.0
"""What a user says about a dataset goes in: root, split, list and options; typed settings or one clear sentence come out."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from leadline.contracts.errors import UsageError
from leadline.contracts.paths import is_folder
from leadline.contracts.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

Settings = TypeVar("Settings")
OptionValue: TypeAlias = str | bool | float | int


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetRequest:
    """Where a dataset lies and which part of it is wanted.

    Attributes:
        root: the folder that the paths in lists are relative to; None for datasets made on the fly.
        split: a split name of the dataset, or None for everything.
        listing: CSV, text, JSON, JSONL or annotation file; None to look for the usual one below ``root``.
        options: the dataset's own settings by name, e.g. ``{"use_bfx_depth": True}``; strings are converted.
    """

    root: Path | None = None
    split: str | None = None
    listing: Path | None = None
    options: Mapping[str, OptionValue] = field(default_factory=dict)


def required_root(dataset: str, request: DatasetRequest) -> Path:
    """The root folder of a request.  UsageError when none was given or it is no folder."""
    if request.root is None or not is_folder(request.root):
        raise UsageError(
            expected=f"the root folder of dataset '{dataset}'",
            got="none" if request.root is None else f"{request.root}, which is no folder",
            remedy="name the folder that the dataset was unpacked into (--root, or in training --dataset-root NAME=DIR)",
        )
    return request.root


def required_split(dataset: str, request: DatasetRequest, known: Collection[str]) -> str:
    """The split of a request, ``"all"`` when it names none.  UsageError for a split outside ``known``."""
    split = request.split or "all"
    if split not in known:
        raise UsageError(
            expected=f"a split of '{dataset}': {', '.join(sorted(known))}", got=f"'{split}'", remedy="choose one of these"
        )
    return split


def settings_from(settings: type[Settings], dataset: str, options: Mapping[str, OptionValue]) -> Settings:
    """Build the dataclass ``settings`` from ``options``, converting strings to the declared types.

    Raises:
        UsageError: an option the dataset does not have (the nearest is named), or a value of the wrong type.
    """
    known = sorted(entry.name for entry in fields(settings))  # type: ignore[arg-type]
    hints = get_type_hints(settings)
    for name in options:
        if name not in known:
            raise UsageError(
                expected=f"an option of dataset '{dataset}': {', '.join(known) or 'it has none'}",
                got=f"'{name}'",
                remedy=did_you_mean(name, known, otherwise="leave it out"),
            )
    return settings(**{name: _converted(dataset, name, value, hints[name]) for name, value in options.items()})


def _converted(dataset: str, name: str, value: OptionValue, hint: Any) -> Any:
    try:
        return _as_type(value, hint)
    except (ValueError, TypeError, OverflowError) as error:
        choices = get_args(hint) if get_origin(hint) is Literal else None
        wanted = f"one of {', '.join(choices)}" if choices else getattr(hint, "__name__", str(hint))
        raise UsageError(
            expected=f"option '{name}' of dataset '{dataset}' to be {wanted}", got=repr(value), remedy="correct the value"
        ) from error


def _as_type(value: OptionValue, hint: Any) -> Any:
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
    elif hint is bool:
        truth = {"true": True, "false": False}.get(str(value).lower())
        if truth is not None:
            return truth
    elif hint is str:
        return str(value)
    elif not isinstance(value, bool) and not (hint is int and isinstance(value, float) and not value.is_integer()):
        return int(value) if hint is int else float(value)
    raise ValueError(value)
