# SPDX-License-Identifier: Apache-2.0
"""A TOML file, or the name of one that is shipped, enters; values checked against a dataclass's annotations leave."""

from __future__ import annotations

import dataclasses
import tomllib
import types
from collections.abc import Mapping
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from leadline.contracts.errors import UsageError
from leadline.contracts.suggestions import did_you_mean


def shipped_configs() -> dict[str, str]:
    """Name -> text of every configuration inside the package (``leadline/configs/*.toml``), sorted by name."""
    folder = resources.files("leadline").joinpath("configs")
    if not folder.is_dir():
        return {}
    files = sorted(folder.iterdir(), key=lambda file: file.name.removesuffix(".toml"))
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8") for file in files if file.name.endswith(".toml")
    }


def shipped_configs_of(recipe: str) -> list[str]:
    """Names of the shipped configurations that say they are of this recipe, sorted."""
    said = {name: tomllib.loads(text).get("recipe") for name, text in shipped_configs().items()}
    return [name for name, recipes in said.items() if recipe in _listed(recipes)]


def _listed(recipes: object) -> list[object]:
    """What a configuration says of its recipes: one, several, or nothing."""
    return recipes if isinstance(recipes, list) else [] if recipes is None else [recipes]


def read_toml_defaults(schema: type[Any], name_or_file: str) -> dict[str, Any]:
    """Values of a TOML file, converted to the annotations of ``schema``; keys may use hyphens or underscores.

    Raises:
        UsageError: no such file or name, text that is not TOML, one that says it is of another recipe, an unknown key (the
            nearest is named), a wrong type.
    """
    values = dict(_read(name_or_file))
    said, wanted = values.pop("recipe", None), getattr(schema, "recipe", None)  # the recipe stands on the command line
    if wanted and said is not None and wanted not in _listed(said):
        raise UsageError(
            expected=f"a configuration of recipe '{wanted}' ({', '.join(shipped_configs_of(wanted)) or 'none is shipped'})",
            got=f"{name_or_file}, which is of recipe {' or '.join(map(repr, _listed(said)))}",
            remedy=f"train that recipe, or take 'recipe' out of a file whose keys '{wanted}' has too",
        )
    return converted_values(schema, values, where=name_or_file)


def converted_values(schema: type[Any], raw: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """What TOML holds, field by field, as values of the types that ``schema`` declares; ``where`` is named in errors.

    Raises:
        UsageError: an unknown key (the nearest is named), a wrong type.
    """
    hints = get_type_hints(schema)
    names = [field.name for field in dataclasses.fields(schema)]
    values: dict[str, Any] = {}
    for key, value in raw.items():
        name = key.replace("-", "_")
        if name not in names:
            raise UsageError(
                expected=f"keys of {schema.__name__} in {where}", got=repr(key), remedy=did_you_mean(name, names)
            )
        try:
            values[name] = _converted(value, hints[name])
        except ValueError as error:
            raise UsageError(
                expected=f"{key} in {where} to be {error}", got=repr(value), remedy="correct the file"
            ) from None
    return values


def _read(name_or_file: str) -> Mapping[str, Any]:
    path = Path(name_or_file)
    shipped = shipped_configs()
    if not path.is_file() and name_or_file not in shipped:
        known = ", ".join(shipped) or "none"
        raise UsageError(
            expected=f"a TOML file or one of the shipped configurations ({known})",
            got=repr(name_or_file),
            remedy="give an existing file",
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8") if path.is_file() else shipped[name_or_file])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(expected=f"TOML in {name_or_file}", got=str(error), remedy="correct the file") from None


def _converted(raw: Any, hint: Any) -> Any:
    """``raw`` as a value of type ``hint``.

    Raises:
        ValueError: whose text says what was expected.
    """
    origin = get_origin(hint)
    if origin is Annotated:
        return _converted(raw, get_args(hint)[0])
    if origin is Literal:
        return _chosen(raw, get_args(hint))
    if origin is tuple:
        return _as_tuple(raw, get_args(hint))
    if origin in (Union, types.UnionType):
        return _first_fitting(raw, get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(_chosen(raw, [member.value for member in hint]))
    return _scalar(raw, hint)


def _chosen(raw: Any, choices: Any) -> Any:
    for choice in choices:
        if raw == choice and type(raw) is type(choice):
            return raw
    raise ValueError("one of " + ", ".join(map(str, choices)))


def _as_tuple(raw: Any, items: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(raw, list):
        raise ValueError("a list")
    if len(items) == 2 and items[1] is ...:
        return tuple(_converted(value, items[0]) for value in raw)
    if len(raw) != len(items):
        raise ValueError(f"a list of {len(items)}")
    return tuple(_converted(value, item) for value, item in zip(raw, items, strict=True))


def _first_fitting(raw: Any, options: tuple[Any, ...]) -> Any:
    expected: list[str] = []
    for option in options:
        if option is type(None):
            continue  # TOML has no null: leaving the key out is how to say it
        try:
            return _converted(raw, option)
        except ValueError as error:
            expected.append(str(error))
    raise ValueError(" or ".join(expected))


def _scalar(raw: Any, hint: Any) -> Any:
    if hint is bool and isinstance(raw, bool):
        return raw
    if hint is int and isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if hint is float and isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return float(raw)
    if hint is str and isinstance(raw, str):
        return raw
    if hint is Path and isinstance(raw, str):
        return Path(raw)
    kinds = {bool: "true or false", int: "an integer", float: "a number", str: "a text", Path: "a path in quotes"}
    raise ValueError(kinds.get(hint, f"a value of type {hint}"))
