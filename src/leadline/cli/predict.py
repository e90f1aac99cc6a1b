# SPDX-License-Identifier: Apache-2.0
"""``leadline predict``: a model and pictures enter; depth files with a description beside each leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import tyro

from leadline.cli.arguments import parse
from leadline.cli.console import progress_with_parts, say, show_log, tell
from leadline.cli.model_argument import ServedModel
from leadline.contracts.errors import UsageError

if TYPE_CHECKING:
    from leadline.inference.outputs.files import OutputFormat
    from leadline.inference.predict_files import PredictionSettings, PredictionSummary, PredictsByNetwork
    from leadline.inference.predictor import Predictor
    from leadline.inference.runtimes.exported_predictor import ExportedPredictor

    OnPart = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictArguments:
    """Predict the depth of pictures, each at its own size."""

    model: ServedModel
    inputs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="INPUT...")]
    """Pictures, folders of pictures, which are searched through, and videos."""
    out: Path
    """Folder for the results; sub-folders of an input folder are kept."""
    save: str = "npy,color"
    """What to write beside the JSON, with commas between: npy, png16, exr, pfm, ply, glb, color."""
    video: bool = False
    """Each input is one clip: a folder's pictures in the order of their names, or an animated .gif."""
    stable: bool = False
    """Clips: take the jumps of scale and shift between frames out, and tell the flicker before and after."""
    fov: float | None = None
    """Horizontal field of view of the pictures in degrees, for ply and glb; without a camera one is assumed."""
    intrinsics: tuple[float, float, float, float] | None = None
    """fx fy cx cy of the pictures in pixels, pixel centres at +0.5, for ply and glb."""
    tile: str = "auto"
    """off: the whole picture at once; N: overlapping tiles of N x N pixels, fitted to the whole and blended; auto: tiles
    where its shorter side is at least 4 times the network's."""
    tta: Literal["none", "flip", "multiscale", "flip+multiscale"] = "none"
    """Look again at each picture mirrored, or at 3/4 and 5/4 of the network's size, and average."""
    input_size: int | None = None
    """Shorter side in pixels at which the network sees pictures and tiles; its own where left out."""
    panorama: bool = False
    """The pictures are equirectangular, 360 x 180 degrees; values become lengths of rays."""
    runtime: Literal["auto", "torch", "onnx", "openvino"] = "auto"
    """What runs the network; auto takes the fastest correct one on this machine, and says which and why."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """fp32 pins exactness; auto takes bf16 where the hardware has units for it."""
    architecture: str | None = None
    """The network of a bare weights file that does not say, e.g. depth-anything-v2-small."""
    batch_size: int = 4
    """Pictures held in memory (large ones one at a time) and, where of one size, predicted together; on a GPU also tiles."""
    on_unreadable: Literal["stop", "skip"] = "stop"
    """At an unreadable picture: stop, or count and name it and go on."""


def main(argv: Sequence[str]) -> int:
    """Parse and run."""
    return run(parse(PredictArguments, argv, prog="leadline predict").value)


def run(arguments: PredictArguments) -> int:
    """Predict every input."""
    show_log()
    check(arguments)

    from leadline.cli.clips import frames_expected, predict_clips, split_inputs
    from leadline.inference.inputs import Inputs, collect_inputs
    from leadline.inference.predict_files import predict_files
    from leadline.inference.predict_video import VideoSettings
    from leadline.inference.runtimes.choose import RuntimeRequest, open_predictor

    clips, others = split_inputs(arguments.inputs, video=arguments.video, stable=arguments.stable)
    inputs = Inputs(pictures=(), ignored=0) if clips and not others else collect_inputs(others)
    request = RuntimeRequest(
        source=arguments.model,
        runtime=arguments.runtime,
        device=arguments.device,
        precision=arguments.precision,
        architecture=arguments.architecture,
        input_size=arguments.input_size,
        pictures=len(inputs.pictures) + frames_expected(clips),
    )
    chosen = open_predictor(request)
    if arguments.runtime == "auto":
        tell(f"--runtime auto is {chosen.reason}")
    loaded = chosen.predictor
    together = tiles_together(loaded, arguments)
    if inputs.pictures:
        with progress_with_parts("predicting", total=len(inputs.pictures)) as bars:
            predictor = as_chosen(loaded, arguments, bars.part, tiles_together=together)
            summary = predict_files(
                predictor, inputs, arguments.out, settings(arguments), on_progress=lambda done, _: bars.advance(done)
            )
        conclude(summary, arguments)
    if clips:
        predictor = as_chosen(loaded, arguments, lambda *_: None, tiles_together=together)
        predict_clips(predictor, clips, arguments.out, VideoSettings(each=settings(arguments), stable=arguments.stable))
    return 0


def as_chosen(
    predictor: PredictsByNetwork, arguments: PredictArguments, on_part: OnPart, *, tiles_together: int = 1
) -> PredictsByNetwork:
    """The predictor with the test-time looks, tiles or views, and camera that were asked for, in this order.

    Args:
        predictor: any; what is asked of it beyond ``predict_batch`` is refused in one line where it cannot.
        arguments: the command line.
        on_part: told (what, done, in all) of tiles and views.
        tiles_together: tiles in one forward pass.
    """
    from leadline.inference.test_time import with_test_time

    predictor = with_test_time(predictor, arguments.tta)
    side_px = tile_side_px(arguments.tile)
    if arguments.panorama:
        from leadline.inference.panoramas.panorama import PanoramaPredictor

        predictor = PanoramaPredictor(predictor, on_view=lambda done, total: on_part("views", done, total))
    elif arguments.tile != "off":
        from leadline.inference.tiles.tiled import TiledPredictor, TileSettings

        tiles = TileSettings(side_px=side_px, batch_size=tiles_together)
        predictor = TiledPredictor(predictor, tiles, on_tile=lambda done, total: on_part("tiles", done, total))
    if arguments.fov is not None:
        from leadline.cli.field_of_view import WithFieldOfView

        predictor = WithFieldOfView(predictor, arguments.fov)
    return predictor


def tiles_together(predictor: Predictor | ExportedPredictor, arguments: PredictArguments) -> int:
    """On a CPU one tile after the other: together they are no faster there and take more memory."""
    return 1 if predictor.device.type == "cpu" else arguments.batch_size


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


def settings(arguments: PredictArguments) -> PredictionSettings:
    """What ``inference.predict_files`` wants to know."""
    from leadline.contracts.camera import Camera
    from leadline.geometry.camera import intrinsic_matrix
    from leadline.inference.predict_files import PredictionSettings

    camera = None
    if arguments.intrinsics is not None:
        fx, fy, cx, cy = arguments.intrinsics
        camera = Camera(matrix=intrinsic_matrix(focal_px=(fx, fy), centre_px=(cx, cy)))
    return PredictionSettings(
        formats=cast(
            "tuple[OutputFormat, ...]", tuple(named_formats(arguments))
        ),  # predict_files checks them, with the model's kind
        batch_size=arguments.batch_size,
        on_unreadable=arguments.on_unreadable,
        camera=camera,
    )


def conclude(summary: PredictionSummary, arguments: PredictArguments) -> None:
    """Say what was done, and by name what was not."""
    for path, reason in summary.skipped:
        tell(f"skipped {path}: {reason}")
    ignored = f", {summary.ignored} files that are no pictures ignored" if summary.ignored else ""
    line = f"{summary.predicted} predicted, {len(summary.skipped)} skipped{ignored}: {arguments.out}"
    say(line)
