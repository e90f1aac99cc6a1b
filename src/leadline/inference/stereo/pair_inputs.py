# SPDX-License-Identifier: Apache-2.0
"""Left pictures and the place of the right ones enter; pairs leave, or the name of the left picture that has no partner."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.paths import exists, is_folder
from leadline.inference.inputs import InputPicture, collect_inputs
from leadline.inference.stereo.rig import KnownRig
from leadline.rasters.images import list_images

_PARTNER_WORDS = {"left": "right", "Left": "Right", "LEFT": "RIGHT", "l": "r", "L": "R"}
_WORD = re.compile(rf"(?<![A-Za-z])({'|'.join(_PARTNER_WORDS)})(?![A-Za-z])")


@dataclass(frozen=True, kw_only=True, slots=True)
class InputPair:
    """One pair to predict.

    Attributes:
        left: the left picture, with the place of its results.
        right: the right picture's file.
        rig: the cameras, as far as they are known; None for not at all.
    """

    left: InputPicture
    right: Path
    rig: KnownRig | None = None


def pair_up(lefts: Sequence[Path], right: Path) -> list[InputPair]:
    """Each left picture with its right one.

    A right picture has the left one's name, with another ending perhaps, or with "right" in the place of "left":
    ``7_L.png`` and ``7_R.png``, ``left_7.png`` and ``right_7.png``.  Names in folders are compared with their sub-folders.

    Args:
        lefts: pictures, and folders that are searched through.
        right: the one right picture, or the folder of all.

    Raises:
        DataError: a path does not exist, a left picture has no partner, or more than one (the message names it).
        UsageError: one right picture for several left ones.
    """
    found = collect_inputs(lefts).pictures
    if not exists(right):
        raise DataError(
            expected="the right picture, or a folder of right pictures",
            got=f"{right}, which does not exist",
            remedy="check the path",
        )
    if not is_folder(right):
        if len(found) != 1:
            raise UsageError(
                expected="a folder of right pictures for several left ones",
                got=f"--right {right} for {len(found)} left pictures",
                remedy="give the folder that holds the right pictures, or one left picture",
            )
        return [InputPair(left=found[0], right=right)]
    candidates = _by_name(right)
    roots = [path for path in lefts if is_folder(path)]
    return [InputPair(left=one, right=_partner(one.path, _inside(one.path, roots), candidates, right)) for one in found]


def _by_name(folder: Path) -> dict[PurePath, list[Path]]:
    """The pictures below a folder by their path in it without ending."""
    found: dict[PurePath, list[Path]] = {}
    for path in list_images(folder):
        found.setdefault(path.relative_to(folder).with_suffix(""), []).append(path)
    return found


def _inside(left: Path, roots: Sequence[Path]) -> PurePath:
    """The path of a left picture in the folder it was found in, without ending; of a file given by itself, its name."""
    holders = [Path(root) for root in roots if left.is_relative_to(root.absolute())]
    return PurePath(left.relative_to(holders[0].absolute()) if holders else left.name).with_suffix("")


def _partner(left: Path, name: PurePath, candidates: Mapping[PurePath, Sequence[Path]], folder: Path) -> Path:
    names = list(dict.fromkeys((_name_of_partner(name), name)))  # beside right.png, a left.png is no partner of left.png
    partners = next((candidates[key] for key in names if key in candidates), ())
    if len(partners) == 1:
        return partners[0]
    raise DataError(
        expected=f"one right picture for {left} in {folder}",
        got=" and ".join(map(str, partners)) or f"none called {' or '.join(map(str, names))}",
        remedy="remove one of them" if partners else "name both pictures of a pair alike, or take the left one out",
    )


def _name_of_partner(name: PurePath) -> PurePath:
    """With "right" in the place of "left"; the same where it says nothing of sides."""
    return PurePath(_WORD.sub(lambda found: _PARTNER_WORDS[found[1]], str(name)))
