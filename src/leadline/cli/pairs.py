# SPDX-License-Identifier: Apache-2.0
"""What ``leadline predict`` does with stereo networks: flags enter; a predictor of one mode and pairs with cameras leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from leadline.cli.console import tell
from leadline.contracts.errors import ContractError, DataError, UsageError

if TYPE_CHECKING:
    from leadline.cli.predict import PredictArguments
    from leadline.contracts.camera import Camera
    from leadline.inference.stereo.pair_inputs import InputPair
    from leadline.inference.stereo.rig import KnownRig
    from leadline.inference.stereo.stereo_predictor import StereoPredictor

PROBED = 6
"""Pairs that are looked at before the network starts, evenly spaced; each takes some tenths of a second."""


def check_mode(arguments: PredictArguments) -> None:
    """Refuse what does not go together with ``--mode``, before the model is loaded.

    Raises:
        UsageError: names the flag.
    """
    if arguments.mode is None:
        given = {
            "--right": arguments.right is not None,
            "--baseline": arguments.baseline is not None,
            "--post-processing": arguments.post_processing != "none",
            "--unit": arguments.unit != "auto",
        }
        for flag in (flag for flag, stands in given.items() if stands):
            raise UsageError(
                expected=f"--mode beside {flag}", got="none", remedy="add --mode stereo, or refined for one eye"
            )
        return
    stereo = arguments.mode == "stereo"
    refused = {
        "--tta": arguments.tta != "none",
        "--runtime": arguments.runtime not in ("auto", "torch"),
        "--panorama": arguments.panorama,
        "--architecture": arguments.architecture is not None,
        "--right": arguments.right is not None and not stereo,
        "--tile": stereo and arguments.tile not in ("auto", "off"),
        "--video or --stable": stereo and (arguments.video or arguments.stable),
    }
    instead = {"--tta": "use --post-processing", "--right": "use --mode stereo", "--runtime": "use --runtime torch"}
    for flag in (flag for flag, stands in refused.items() if stands):
        raise UsageError(
            expected=f"no {flag} with --mode {arguments.mode}", got="it", remedy=instead.get(flag, "leave it out")
        )


def open_stereo(arguments: PredictArguments) -> StereoPredictor:
    """The stereo network in the mode asked for, with the cameras that the flags tell.

    Raises:
        WeightsError: the model is missing, damaged, or no stereo network.
        UsageError: a mode that this network was not built with; metres that nothing tells.
    """
    from leadline.inference.stereo.stereo_predictor import StereoPredictor, StereoSettings
    from leadline.models.stereo.checkpoint import load_stereo_model

    model = load_stereo_model(arguments.model)
    if arguments.mode != "stereo" and arguments.baseline is not None and model.config.rig is not None:
        raise UsageError(
            expected=f"no --baseline with --mode {arguments.mode}: one eye believes in the cameras it learnt from",
            got=f"{arguments.baseline:g} m for a model that recorded {model.config.rig.baseline_m:g} m",
            remedy="leave it out",
        )
    wants_metres = arguments.unit == "auto" and arguments.baseline is not None
    settings = StereoSettings(
        mode=arguments.mode or "refined",
        post_processing=arguments.post_processing,
        unit="m" if wants_metres else arguments.unit,
        input_size=arguments.input_size,
    )
    return StereoPredictor(
        model,
        settings,
        rig=flagged_rig(arguments),
        device=arguments.device,
        precision=arguments.precision,
        source=arguments.model,
    )


def flagged_camera(arguments: PredictArguments) -> Camera | None:
    """The camera of ``--intrinsics``, or None without."""
    if arguments.intrinsics is None:
        return None

    from leadline.contracts.camera import Camera
    from leadline.geometry.camera import intrinsic_matrix

    fx, fy, cx, cy = arguments.intrinsics
    return Camera(matrix=intrinsic_matrix(focal_px=(fx, fy), centre_px=(cx, cy)))


def flagged_rig(arguments: PredictArguments) -> KnownRig | None:
    """The cameras as the flags tell them, or None where they tell nothing."""
    from leadline.inference.stereo.rig import KnownRig

    if arguments.baseline is None and arguments.intrinsics is None and arguments.fov is None:
        return None
    return KnownRig(baseline_m=arguments.baseline, camera=flagged_camera(arguments), field_of_view_deg=arguments.fov)


def collect_pairs(arguments: PredictArguments) -> list[InputPair]:
    """The pairs that INPUT and ``--right`` name, each with the cameras of the flags or of a calibration file beside it.

    Raises:
        DataError: no pair, a left picture without a right one, a calibration that is none.
        UsageError: one right picture for several left ones, or several inputs without ``--right``.
    """
    from leadline.inference.stereo.pair_inputs import pair_up

    if arguments.right is not None:
        pairs = pair_up(arguments.inputs, arguments.right)
        roots = {pair.left.path: pair.left.path.parent for pair in pairs}
    else:
        pairs = pairs_of_folder(arguments.inputs)
        if arguments.on_unreadable == "stop":
            require_partners(pairs, arguments.inputs[0])
        roots = {pair.left.path: arguments.inputs[0].absolute() for pair in pairs}
    if arguments.unit == "px" or flagged_rig(arguments) is not None:
        return pairs
    return with_calibration(pairs, roots)


def pairs_of_folder(inputs: Sequence[Path]) -> list[InputPair]:
    """The pairs below one folder that holds left and right pictures.

    Raises:
        UsageError: several inputs, or a picture.
        DataError: no pair.
    """
    from leadline.data.stereo_pairing import pairs_by_side
    from leadline.inference.inputs import collect_inputs
    from leadline.inference.stereo.pair_inputs import InputPair

    if len(inputs) != 1 or inputs[0].is_file():
        raise UsageError(
            expected="--right with the right picture, or the folder of right pictures",
            got="none",
            remedy="give it, or as INPUT one folder with left/ and right/ in it",
        )
    found = pairs_by_side(inputs[0].absolute())
    if not found:
        raise DataError(
            expected="pairs: left/ and right/, image_2/ and image_3/, or NAME_L and NAME_R",
            got=f"none in {inputs[0]}",
            remedy="name the folder of right pictures with --right",
        )
    left_of = {one.path: one for one in collect_inputs([inputs[0]]).pictures}
    return [InputPair(left=left_of[pair.left], right=pair.right) for pair in found]


def require_partners(pairs: Sequence[InputPair], folder: Path) -> None:
    """Refuse a folder of left pictures in which one has no right picture; pairs that share a folder tell no sides.

    Raises:
        DataError: names the first one.
    """
    from leadline.inference.inputs import collect_inputs

    paired = {pair.left.path for pair in pairs}
    of_left = {path.parent for path in paired} - {pair.right.parent for pair in pairs}
    for one in collect_inputs([folder]).pictures:
        if one.path.parent in of_left and one.path not in paired:
            raise DataError(
                expected="a right picture for every left one",
                got=f"none for {one.path}",
                remedy="add it, take the left one out, or leave such out with --on-unreadable skip",
            )


def with_calibration(pairs: Sequence[InputPair], roots: dict[Path, Path]) -> list[InputPair]:
    """The pairs with the cameras of the nearest calibration file above each left picture, up to its root; said once each.

    Raises:
        DataError: a file of that name that is no calibration, or one of pictures of another size.
    """
    from leadline.data.frame_calibration import camera_file_above
    from leadline.data.stereo_calibration import CALIBRATION_NAMES, read_rig
    from leadline.inference.stereo.rig import KnownRig
    from leadline.rasters.images import image_size

    read = {}
    known = []
    for pair in pairs:
        file = camera_file_above(pair.left.path.parent, roots[pair.left.path], CALIBRATION_NAMES)
        if file is None:
            known.append(pair)
            continue
        if file not in read:
            read[file] = read_rig(file)
            tell(f"cameras: {file}, baseline {read[file].baseline_m:g} m")
        height, width = image_size(pair.left.path)
        camera = read[file].lens.camera(width_px=width, height_px=height, of=pair.left.path)
        known.append(replace(pair, rig=KnownRig(baseline_m=read[file].baseline_m, camera=camera)))
    return known


def check_pairs(pairs: Sequence[InputPair]) -> None:
    """Look at a few pairs: refuse them where most look unrectified, exchanged or unrelated; say it where fewer do.

    Pictures that cannot be read, or differ in size, are left to those who predict them.

    Raises:
        DataError: names the first doubtful pair, and what is wrong with it.
    """
    from leadline.geometry.pair_doubts import PairDoubt, doubt_about, pair_evidence
    from leadline.inference.pictures import as_picture
    from leadline.inference.stereo.stereo_predictor import picture_tensor

    step = max(1, len(pairs) // PROBED)
    chosen = pairs[::step][:PROBED]
    doubts: list[tuple[InputPair, PairDoubt]] = []
    for pair in chosen:
        try:
            left, right = (picture_tensor(as_picture(path)) for path in (pair.left.path, pair.right))
            evidence = pair_evidence(left=left, right=right)
        except (DataError, ContractError):
            continue
        doubt = None if evidence is None else doubt_about(evidence, baseline_m=1.0)
        if doubt is not None:
            doubts.append((pair, doubt))
    if 2 * len(doubts) > len(chosen):
        pair, doubt = doubts[0]
        got = f"{doubt.got} in {pair.left.path} and {pair.right}"
        raise DataError(
            expected=doubt.expected, got=got, remedy=f"{doubt.remedy}; --no-check-pairs predicts them all the same"
        )
    for pair, doubt in doubts:
        tell(f"{pair.left.path} looks wrong: expected {doubt.expected}; got {doubt.got}")
