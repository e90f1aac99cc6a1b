# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tyro

from leadline.cli.arguments import Parsed, parse
from leadline.contracts.errors import UsageError


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Options of a toy verb."""

    n_bins: int = 64
    """Number of bins."""
    encoder: Literal["vits", "vitb"] = "vits"
    n_attractors: tuple[int, ...] = (16, 8, 4, 1)
    pair: tuple[int, int] = (1, 2)
    train_encoder: bool = False
    validate: bool = True
    root: Path | None = None
    colour: Colour = Colour.RED
    lr: Annotated[float, tyro.conf.arg(aliases=["--learning-rate"])] = 1e-4
    range_m: tuple[float, float] | None = None
    share: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Needy:
    """A verb with a positional, a list of positionals and a required flag."""

    model: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="MODEL")]]
    inputs: tyro.conf.Positional[tuple[Path, ...]]
    dataset: str
    """Which one."""


def read(*argv: str) -> Parsed[Options]:
    return parse(Options, argv, prog="leadline toy", takes_config=True)


def refusal(*argv: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read(*argv)
    assert "\n" not in str(caught.value)
    assert not set("╭│─╰") & set(str(caught.value))
    return caught.value


def test_parse__gives_the_defaults_for_an_empty_line() -> None:
    parsed = read()
    assert parsed.value == Options()
    assert set(parsed.sources.values()) == {"default"}


@pytest.mark.parametrize("spelling", [["--n-bins", "8"], ["--n_bins", "8"], ["--n-bins=8"], ["--n_bins=8"]])
def test_parse__takes_hyphens_and_underscores(spelling: list[str]) -> None:
    parsed = read(*spelling)
    assert parsed.value.n_bins == 8
    assert parsed.sources["n_bins"] == "flag"
    assert parsed.sources["encoder"] == "default"


def test_parse__switches_bools_on_and_off() -> None:
    parsed = read("--train-encoder", "--no-validate")
    assert (parsed.value.train_encoder, parsed.value.validate) == (True, False)
    assert (parsed.sources["train_encoder"], parsed.sources["validate"]) == ("flag", "flag")


def test_parse__reads_tuples_paths_enums_and_aliases() -> None:
    value = read("--n_attractors", "4", "3", "--root", "a/b", "--colour", "BLUE", "--learning-rate", "0.5").value
    assert (value.n_attractors, value.root, value.colour, value.lr) == ((4, 3), Path("a/b"), Colour.BLUE, 0.5)


def test_parse__names_an_alias_as_the_source_of_its_field() -> None:
    assert read("--learning-rate", "0.5").sources["lr"] == "flag"


def test_parse__reads_negative_numbers_as_values() -> None:
    assert read("--lr", "-0.5").value.lr == -0.5


def test_parse__reads_positionals_before_and_after_flags() -> None:
    value = parse(Needy, ["m", "a", "b", "--dataset", "d"], prog="leadline toy").value
    assert value == Needy(model="m", inputs=(Path("a"), Path("b")), dataset="d")


def test_parse__names_the_nearest_flag_for_an_unknown_one() -> None:
    error = refusal("--nbins", "3")
    assert error.got == "--nbins"
    assert "did you mean --n-bins?" in error.remedy


def test_parse__names_the_nearest_switch_for_an_unknown_one() -> None:
    assert "did you mean --no-validate?" in refusal("--no-validat").remedy


def test_parse__names_the_nearest_choice_for_an_unknown_one() -> None:
    error = refusal("--encoder", "vitz")
    assert error.expected == "--encoder to be one of vits, vitb"
    assert error.got == "'vitz'"
    assert "did you mean vit" in error.remedy


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--n-bins", "many"], ["expected a whole number for --n-bins; got 'many'; e.g. --n-bins 64; see"]),
        (["--lr", "fast"], ["expected a number for --lr; got 'fast'; e.g. --lr 0.0001; see"]),
        (["--range-m", "1", "x"], ["expected numbers for --range-m, separated by spaces; got '1 x'; see"]),
        (["--share", "a b"], ["expected a number for --share; got 'a b'; see"]),
        (["--n-bins"], ["1 value(s) after --n-bins"]),
        (["--pair", "1"], ["2 value(s) after --pair"]),
        (["--pair", "a", "b"], ["expected whole numbers for --pair, separated by spaces; got 'a b'; e.g. --pair 1 2; see"]),
        (["--n-attractors", "16,8,4,1"], ["numbers for --n-attractors, separated by spaces; got '16,8,4,1';"]),
        (["--n-attractors", "16", "x"], ["got '16 x'; e.g. --n-attractors 16 8 4 1; see"]),
        (["stray"], ["stray"]),
        (["-q"], ["-q"]),
    ],
)
def test_parse__says_a_mistake_in_one_line(argv: list[str], words: list[str]) -> None:
    message = str(refusal(*argv))
    assert all(word in message for word in words), message
    assert "leadline toy --help" in message


@pytest.mark.parametrize("indent", range(40))
def test_parse__gives_a_value_with_commas_back_wherever_its_line_breaks(indent: int) -> None:
    value = "1" * (1 + indent) + ",42"
    assert refusal("--n-attractors", value).got == f"'{value}'"


def test_parse__names_what_is_missing() -> None:
    with pytest.raises(UsageError, match=r"expected --dataset; got no value for it; see `leadline toy --help`"):
        parse(Needy, ["m", "a"], prog="leadline toy")
    with pytest.raises(UsageError, match=r"expected MODEL and --dataset; got no value"):
        parse(Needy, [], prog="leadline toy")


def test_parse__prints_help_and_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read("--help")
    assert caught.value.code in (0, None)
    text = capsys.readouterr().out
    assert all(word in text for word in ("Number of bins.", "--n-bins", "--no-validate", "--config NAME|FILE"))


def test_parse__lets_flags_win_over_a_config_and_a_config_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('n_bins = 8\nencoder = "vitb"\n')
    parsed = read("--config", str(file), "--n-bins", "9")
    assert (parsed.value.n_bins, parsed.value.encoder, parsed.value.lr) == (9, "vitb", 1e-4)
    assert parsed.sources["n_bins"] == "flag"
    assert parsed.sources["encoder"] == f"config {file}"
    assert parsed.sources["lr"] == "default"


def test_parse__lets_a_config_supply_a_required_value(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('dataset = "nyu"\n')
    parsed = parse(Needy, ["m", "a", f"--config={file}"], prog="leadline toy", takes_config=True)
    assert parsed.value.dataset == "nyu"


def test_parse__starts_from_a_given_default() -> None:
    parsed = parse(Options, ["--pair", "3", "4"], prog="leadline toy", default=Options(n_bins=5))
    assert (parsed.value.n_bins, parsed.value.pair) == (5, (3, 4))


def test_parse__lays_a_config_over_a_given_default(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('encoder = "vitb"\n')
    argv = ["--config", str(file)]
    parsed = parse(Options, argv, prog="leadline toy", default=Options(n_bins=5), takes_config=True)
    assert (parsed.value.n_bins, parsed.value.encoder) == (5, "vitb")


def test_parse__asks_for_the_file_after_config() -> None:
    assert "--config" in refusal("--config").expected
    assert "--config" in refusal("--config", "--n-bins", "3").expected


def test_parse__knows_no_config_flag_unless_told() -> None:
    with pytest.raises(UsageError, match="got --config"):
        parse(Options, ["--config", "x"], prog="leadline toy")


def test_parse__says_the_same_where_the_terminal_has_no_box_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = str(refusal("--encoder", "vitz"))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert str(refusal("--encoder", "vitz")) == drawn
    assert str(refusal("--n-bins")) == "expected 1 value(s) after --n-bins; got fewer; see `leadline toy --help`"


@pytest.mark.parametrize("second", ["--n-attractors", "--n_attractors"])
def test_parse__a_second_list_does_not_silently_replace_the_first(second: str) -> None:
    with pytest.raises(UsageError, match="expected --n-attractors once; got it twice; put all its values after one"):
        parse(Options, ["--n-attractors", "1", "2", second, "3"], prog="toy")
    assert parse(Options, ["--n-bins", "3", "--n-bins", "4"], prog="toy").value.n_bins == 4


def test_parse__a_bare_flag_has_the_value_that_was_given_for_it() -> None:
    def encoder(*argv: str) -> tuple[str, int]:
        value = parse(Options, argv, prog="toy", bare={"--encoder": "vitb"}).value
        return value.encoder, value.n_bins

    assert encoder() == ("vits", 64)
    assert encoder("--encoder") == ("vitb", 64)
    assert encoder("--encoder", "--n_bins", "3") == ("vitb", 3)
    assert encoder("--n_bins", "3", "--encoder", "vits") == ("vits", 3)
    assert encoder("--encoder=vits", "--n_bins", "3") == ("vits", 3)
