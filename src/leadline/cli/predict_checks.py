# SPDX-License-Identifier: Apache-2.0
"""The flags of ``leadline predict`` enter; those that cannot be meant together are refused before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.cli.pairs import check_mode
from leadline.contracts.errors import UsageError

if TYPE_CHECKING:
    from leadline.cli.predict import PredictArguments


def tile_side_px(word: str) -> int | None:
    """N of ``--tile N``; None for auto and off.

    Raises:
        UsageError: another word.
    """
    if word in ("auto", "off"):
        return None
    if not (word.isascii() and word.isdecimal()):
        raise UsageError(
            expected="--tile auto, off or the side of a tile in pixels", got=repr(word), remedy="e.g. --tile 1024"
        )
    return int(word)


def check(arguments: PredictArguments) -> None:
    """Refuse what this version cannot do, before the model is loaded.

    Raises:
        UsageError: a tiling or a format there is not; an impossible camera.
    """
    from leadline.inference.outputs.files import check_format_names
    from leadline.inference.tiles.tiled import TileSettings

    TileSettings(side_px=tile_side_px(arguments.tile))
    check_format_names(named_formats(arguments))
    check_mode(arguments)
    if arguments.panorama:
        check_panorama(arguments)
    if arguments.fov is not None and arguments.intrinsics is not None:
        raise UsageError(expected="--fov or --intrinsics", got="both", remedy="leave one out")
    if arguments.fov is not None and not 0 < arguments.fov < 180:
        raise UsageError(expected="--fov between 0 and 180 degrees", got=f"{arguments.fov:g}", remedy="e.g. --fov 60")
    if arguments.intrinsics is not None and min(arguments.intrinsics[:2]) <= 0:
        got = f"{arguments.intrinsics[0]:g} and {arguments.intrinsics[1]:g}"
        raise UsageError(expected="focal lengths above 0 in --intrinsics", got=got, remedy="pass FX FY CX CY in pixels")


def check_panorama(arguments: PredictArguments) -> None:
    """Refuse what a panorama cannot have.

    Raises:
        UsageError: tiles, a pinhole camera, or points made with one.
    """
    if tile_side_px(arguments.tile) is not None:
        raise UsageError(expected="--panorama or --tile N", got="both", remedy="leave --tile out: views do what tiles do")
    if arguments.fov is not None or arguments.intrinsics is not None:
        raise UsageError(
            expected="no --fov or --intrinsics with --panorama", got="one of them", remedy="leave it out: it sees all round"
        )
    pinhole = {"ply", "glb"} & set(named_formats(arguments))
    if pinhole:
        raise UsageError(
            expected="formats that need no pinhole camera with --panorama",
            got=", ".join(sorted(pinhole)),
            remedy="save npy or exr, which hold the length of each ray",
        )


def named_formats(arguments: PredictArguments) -> list[str]:
    """The words of --save."""
    return [name.strip() for name in arguments.save.split(",") if name.strip()]
