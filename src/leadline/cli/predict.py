# SPDX-License-Identifier: Apache-2.0
"""``leadline predict``: a model and pictures enter; depth files with a description beside each leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import tyro

from leadline.cli.arguments import parse
from leadline.cli.console import progress, progress_with_parts, say, show_log, tell
from leadline.cli.model_argument import ServedModel
from leadline.cli.pairs import check_pairs, collect_pairs, flagged_camera, open_stereo
from leadline.cli.predict_checks import check, named_formats, tile_side_px

if TYPE_CHECKING:
    from leadline.inference.outputs.files import OutputFormat
    from leadline.inference.predict_files import PredictionSettings, PredictionSummary, PredictsByNetwork
    from leadline.inference.predictor import Predictor
    from leadline.inference.runtimes.exported_predictor import ExportedPredictor
    from leadline.inference.stereo.stereo_predictor import StereoPredictor

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
    """Horizontal field of view of the pictures in degrees, for ply, glb and --mode; without a camera one is assumed."""
    intrinsics: tuple[float, float, float, float] | None = None
    """fx fy cx cy of the pictures in pixels, pixel centres at +0.5, for ply, glb and --mode."""
    mode: Literal["mono", "refined", "stereo"] | None = None
    """What a stereo network sees with: one eye by its raw or its refined path, or both eyes."""
    right: Path | None = None
    """--mode stereo: the right picture, or folder of them; not needed where INPUT holds left/ and right/."""
    baseline: float | None = None
    """Metres between the two cameras; by default, as the focal length, from a calibration file beside the pairs."""
    unit: Literal["auto", "m", "px"] = "auto"
    """--mode: metres, pixels of disparity, or metres where the cameras are known."""
    post_processing: Literal["none", "flip", "blend", "multiscale"] = "none"
    """--mode: look once more, mirrored: mean of both, the edges of one, or at 2/3 of the size for what is near."""
    check_pairs: bool = True
    """Look at a few pairs first, and refuse them where left and right are exchanged or not rectified."""
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

    if arguments.mode == "stereo":
        return predict_both_eyes(arguments)
    clips, others = split_inputs(arguments.inputs, video=arguments.video, stable=arguments.stable)
    inputs = Inputs(pictures=(), ignored=0) if clips and not others else collect_inputs(others)
    loaded = opened(arguments, pictures=len(inputs.pictures) + frames_expected(clips))
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


def opened(arguments: PredictArguments, *, pictures: int) -> Predictor | ExportedPredictor | StereoPredictor:
    """The model on the runtime asked for, which is said where it was chosen; one eye of a stereo network with ``--mode``."""
    if arguments.mode is not None:
        return open_stereo(arguments)

    from leadline.inference.runtimes.choose import RuntimeRequest, open_predictor

    request = RuntimeRequest(
        source=arguments.model,
        runtime=arguments.runtime,
        device=arguments.device,
        precision=arguments.precision,
        architecture=arguments.architecture,
        input_size=arguments.input_size,
        pictures=pictures,
    )
    chosen = open_predictor(request)
    if arguments.runtime == "auto":
        tell(f"--runtime auto is {chosen.reason}")
    return chosen.predictor


def predict_both_eyes(arguments: PredictArguments) -> int:
    """Predict every pair; 0."""
    from leadline.inference.stereo.predict_pairs import predict_pairs

    pairs = collect_pairs(arguments)
    if arguments.check_pairs:
        check_pairs(pairs)
    predictor = open_stereo(arguments)
    with progress("predicting", total=len(pairs)) as advance:
        summary = predict_pairs(
            predictor, pairs, arguments.out, settings(arguments), on_progress=lambda done, _: advance(done)
        )
    conclude(summary, arguments)
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


def tiles_together(predictor: Predictor | ExportedPredictor | StereoPredictor, arguments: PredictArguments) -> int:
    """On a CPU one tile after the other: together they are no faster there and take more memory."""
    return 1 if predictor.device.type == "cpu" else arguments.batch_size


def settings(arguments: PredictArguments) -> PredictionSettings:
    """What ``inference.predict_files`` wants to know."""
    from leadline.inference.predict_files import PredictionSettings

    return PredictionSettings(
        formats=cast(
            "tuple[OutputFormat, ...]", tuple(named_formats(arguments))
        ),  # predict_files checks them, with the model's kind
        batch_size=arguments.batch_size,
        on_unreadable=arguments.on_unreadable,
        camera=flagged_camera(arguments),
    )


def conclude(summary: PredictionSummary, arguments: PredictArguments) -> None:
    """Say what was done, and by name what was not."""
    for path, reason in summary.skipped:
        tell(f"skipped {path}: {reason}")
    ignored = f", {summary.ignored} files that are no pictures ignored" if summary.ignored else ""
    line = f"{summary.predicted} predicted, {len(summary.skipped)} skipped{ignored}: {arguments.out}"
    say(line)
