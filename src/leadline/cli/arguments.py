# SPDX-License-Identifier: Apache-2.0
"""A frozen dataclass and a command line enter; an instance and the source of each value leave, or one clear error."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Protocol, TypeVar, get_args, get_origin, get_type_hints

import tyro

from leadline.cli.toml_defaults import read_toml_defaults
from leadline.contracts.errors import LeadlineError, UsageError
from leadline.contracts.suggestions import did_you_mean, nearest


class DataclassInstance(Protocol):
    """Anything made by ``@dataclass``."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


Schema = TypeVar("Schema", bound=DataclassInstance)

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed(Generic[Schema]):
    """What a command line meant.

    Attributes:
        value: the dataclass, complete.
        sources: field name -> ``"flag"``, ``"config NAME"`` or ``"default"``.
    """

    value: Schema
    sources: Mapping[str, str]


def parse(
    schema: type[Schema],
    argv: Sequence[str],
    *,
    prog: str,
    default: Schema | None = None,
    takes_config: bool = False,
    bare: Mapping[str, str] = _NOTHING,
) -> Parsed[Schema]:
    """Read ``argv`` (without the program's name) as an instance of ``schema``.

    Flags are the field names, with hyphens or underscores; a bool takes ``--name`` and ``--no-name``; a tuple its values
    one after the other.  With ``takes_config`` the flag ``--config NAME|FILE`` replaces defaults by a TOML file's values.
    Flags in ``bare`` may stand without a value, and then have the one given there.

    Raises:
        UsageError: an unknown flag, choice or value, or a missing one, in one line.
        SystemExit: with 0, after ``--help`` has been printed.

    >>> @dataclass(frozen=True, kw_only=True)
    ... class Bins:
    ...     n_bins: int = 64
    >>> parse(Bins, ["--n_bins", "8"], prog="bins")
    Parsed(value=Bins(n_bins=8), sources={'n_bins': 'flag'})
    """
    tokens, config = _take_config(argv) if takes_config else (list(argv), None)
    tokens = _with_bare_values(tokens, bare)
    start = default
    sources = dict.fromkeys(_field_names(schema), "default")
    if config is not None:
        values = read_toml_defaults(schema, config)
        start = _with_values(schema, default, values)
        sources.update(dict.fromkeys(values, f"config {config}"))
    flags = _flags(schema)
    _refuse_unknown_flags(tokens, flags, prog=prog)
    named = _fields_named(tokens, flags)
    _refuse_repeated_lists(named, schema)
    sources.update(dict.fromkeys(named, "flag"))
    description = _description(schema, takes_config=takes_config)
    with _one_line_errors(prog):
        value = (
            tyro.cli(schema, args=tokens, prog=prog, description=description)
            if start is None
            else tyro.cli(schema, args=tokens, prog=prog, description=description, default=start)
        )
    return Parsed(value=value, sources=sources)


def _refuse_repeated_lists(named: Sequence[str], schema: type[DataclassInstance]) -> None:
    """A flag that takes several values takes them after each other; a second one would silently replace the first."""
    hints = get_type_hints(schema)
    for name in named:
        if get_origin(hints[name]) is tuple and named.count(name) > 1:
            flag = "--" + name.replace("_", "-")
            raise UsageError(expected=f"{flag} once", got="it twice", remedy=f"put all its values after one {flag}")


def _field_names(schema: type[DataclassInstance]) -> list[str]:
    return [field.name for field in dataclasses.fields(schema)]


def _take_config(argv: Sequence[str]) -> tuple[list[str], str | None]:
    """Split ``--config X`` or ``--config=X`` off; the last one wins, as with every flag."""
    rest: list[str] = []
    config: str | None = None
    tokens = iter(argv)
    for token in tokens:
        if token != "--config" and not token.startswith("--config="):
            rest.append(token)
            continue
        config = token.partition("=")[2] if "=" in token else next(tokens, "")
        if not config or config.startswith("--"):
            raise UsageError(
                expected="a name or a TOML file after --config", got=repr(config), remedy="e.g. --config my_run.toml"
            )
    return rest, config


def _with_bare_values(tokens: Sequence[str], bare: Mapping[str, str]) -> list[str]:
    """``--resume --lr 1`` -> ``--resume=VALUE --lr 1``, for the flags in ``bare``."""
    paired = itertools.pairwise([*tokens, "--end"])
    return [f"{token}={bare[token]}" if token in bare and _is_flag(after) else token for token, after in paired]


def _with_values(schema: type[Schema], default: Schema | None, values: Mapping[str, Any]) -> Schema:
    """An instance with ``values`` over ``default``; fields without any default stay missing, for tyro to ask for."""
    if default is not None:
        return dataclasses.replace(default, **values)
    required = {
        field.name: tyro.MISSING
        for field in dataclasses.fields(schema)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    return schema(**{**required, **values})


def _flags(schema: type[DataclassInstance]) -> dict[str, str]:
    """Every accepted spelling (hyphens) -> field name.  Positional fields have none."""
    flags: dict[str, str] = {}
    hints = get_type_hints(schema, include_extras=True)
    for name in _field_names(schema):
        extras = getattr(hints[name], "__metadata__", ())
        if any(extra is marker for marker in _POSITIONAL for extra in extras):
            continue
        flag = "--" + name.replace("_", "-")
        flags[flag] = name
        if _is_bool(hints[name]):
            flags[f"--no-{flag[2:]}"] = name
        aliases = [alias for extra in extras for alias in getattr(extra, "aliases", None) or ()]
        flags.update(dict.fromkeys(aliases, name))
    return flags


_POSITIONAL = getattr(tyro.conf.Positional[int], "__metadata__", ())


def _is_bool(hint: Any) -> bool:
    return hint is bool or (get_origin(hint) is not None and bool in get_args(hint)[:1])


def _spelling(token: str) -> str:
    """The flag of a token, in hyphens: ``--n_bins=3`` -> ``--n-bins``."""
    return token.partition("=")[0].replace("_", "-")


def _is_flag(token: str) -> bool:
    return re.match(r"--[A-Za-z]", token) is not None


def _fields_named(tokens: Sequence[str], flags: Mapping[str, str]) -> list[str]:
    spelled = {flag.replace("_", "-"): name for flag, name in flags.items()}
    return [spelled[_spelling(token)] for token in tokens if _spelling(token) in spelled]


def _refuse_unknown_flags(tokens: Sequence[str], flags: Mapping[str, str], *, prog: str) -> None:
    known = {flag.replace("_", "-") for flag in flags} | {"--help"}
    for token in tokens:
        if _is_flag(token) and _spelling(token) not in known:
            match = nearest(_spelling(token), sorted(known))
            hint = f"did you mean {match}? " if match else ""
            raise UsageError(
                expected=f"a flag of `{prog}`", got=token.partition("=")[0], remedy=f"{hint}`{prog} --help` lists them"
            )


def _description(schema: type[DataclassInstance], *, takes_config: bool) -> str:
    text = (schema.__doc__ or "").strip()
    return f"{text}\n\n--config NAME|FILE replaces defaults by the values of a TOML file." if takes_config else text


@contextlib.contextmanager
def _one_line_errors(prog: str) -> Iterator[None]:
    """Where tyro explains a mistake in a box on stderr and exits with 2, raise it as an error of one line."""
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            yield
    except SystemExit as exit_:
        if exit_.code in (0, None):
            raise
        raise _as_error(captured.getvalue(), prog=prog) from None


def _as_error(box: str, *, prog: str) -> LeadlineError:
    """The first paragraph of tyro's box, as one of our errors.

    The box is drawn in lines, or where standard output is not UTF-8 in hyphens, with a rule below its title.
    """
    lines = [line.strip(" │╰╯") for line in box.splitlines()]
    body = itertools.dropwhile(_is_rule, lines[1:])
    paragraph = itertools.takewhile(lambda line: not _is_rule(line), body)
    text = " ".join(" ".join(paragraph).split())
    see = f"see `{prog} --help`"
    if match := re.match(r"invalid choice '(.*)' for argument '(.*?)'\. Expected one of \((.*?),?\)\.?$", text):
        value, flag, listed = match.groups()
        choices = [choice.strip("'\" ") for choice in listed.split(",")]
        return UsageError(
            expected=f"{flag} to be one of {', '.join(choices)}", got=repr(value), remedy=did_you_mean(value, choices)
        )
    if match := re.match(r"Error parsing (\S+): .*?(?:\[(['\"].*?['\"])\](?: |\.|$)|(['\"].*['\"])$)", text):
        return _misfit(match[1].rpartition("/")[2], match[2] or match[3], lines, see)
    if match := re.match(r"Missing value for argument '(\S+?)'\. Expected (\d+) values?\.?", text):
        return UsageError(expected=f"{match[2]} value(s) after {match[1]}", got="fewer", remedy=see)
    if match := re.match(rf"Missing from {re.escape(prog)}: (.*)$", text):
        missing = [part.split()[0] for part in match[1].split("(required)") if part.strip()]
        return UsageError(expected=" and ".join(missing), got="no value for it", remedy=see)
    return UsageError(expected=f"arguments of `{prog}`", got=text, remedy=see)


def _misfit(flag: str, quoted: str, lines: Sequence[str], see: str) -> UsageError:
    """A value of the wrong type; the help text that the box repeats says which type and which default the flag has."""
    values = re.sub(r",\s+(?!')", ",", quoted).replace("', '", " ")  # the box breaks lines after commas
    usage = next((line.rpartition(f"{flag} ")[2] for line in lines if f"{flag} " in line and line.startswith("--")), "")
    default = next((match[1] for line in lines if (match := re.search(r"\(default: (.+)\)$", line))), "None")
    several = usage.endswith("...]]") or len(re.findall(r"\b(?:FLOAT|INT)\b", usage)) > 1
    noun = "whole number" if "INT" in usage else "number" if "FLOAT" in usage else "fitting value"
    wanted = f"{noun}s for {flag}, separated by spaces" if several else f"a {noun} for {flag}"
    return UsageError(expected=wanted, got=values, remedy=see if default == "None" else f"e.g. {flag} {default}; {see}")


def _is_rule(line: str) -> bool:
    return bool(line) and not line.strip("─-")
