# SPDX-License-Identifier: Apache-2.0
"""A clip and a predictor enter; files per frame, a colour video and ``clip.json`` leave; one batch is in memory."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadline.contracts.errors import DataError, StorageError, UsageError
from leadline.inference.clips.clip import Clip, ClipFrame
from leadline.inference.clips.colour_video import KeptMaps, write_colour_video
from leadline.inference.clips.flicker import DEFINITION, FlickerMeter
from leadline.inference.clips.grid import brightness
from leadline.inference.clips.opening import open_clip
from leadline.inference.clips.stabiliser import Stabiliser
from leadline.inference.clips.video_file import pyav
from leadline.inference.outputs.files import check_formats, output_path, save_prediction
from leadline.inference.outputs.prediction import Prediction
from leadline.rasters.atomic import atomically, require_writable

if TYPE_CHECKING:
    from leadline.contracts.depth_map import DepthKind, DepthMap
    from leadline.inference.predict_files import PredictionSettings, PredictsByNetwork

logger = logging.getLogger(__name__)

OnFrames = Callable[[int, "int | None"], None]  # called with frames done, and frames in all where the clip says
RECORD, COLOUR_VIDEO_ENDING = "clip.json", "_color.mp4"


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoSettings:
    """What to make of a clip."""

    each: PredictionSettings
    """Files per frame, batch, policy at damage, camera; ``color`` among the formats is the one video of the clip."""
    stable: bool = False
    """Take the jumps of scale and shift out (``leadline.inference.clips.stabiliser``)."""


@dataclass(kw_only=True, slots=True)
class ClipSummary:
    """What was done.

    Attributes:
        predicted: frames whose files are written.
        files: every file written, the record last.
        damage: a sentence about each frame, or end, that was passed over.
        restarts: frames, beside the first, at which the stabiliser began anew.
        flicker_raw, flicker_stable: as ``leadline.inference.clips.flicker`` defines it; None where it cannot be told.
    """

    predicted: int = 0
    files: list[Path] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    restarts: list[int] = field(default_factory=list)
    flicker_raw: float | None = None
    flicker_stable: float | None = None


def predict_video(
    predictor: PredictsByNetwork, path: Path, place: Path, settings: VideoSettings, on_progress: OnFrames | None = None
) -> ClipSummary:
    """Predict every frame of a clip into a folder of its own.

    ``<place>/<name>_000123.npy`` (and .json, .glb, ...) for frame 123, counted from 0, with ``<name>`` that of the folder;
    ``<name>_color.mp4`` where ``color`` is among the formats; ``clip.json`` with what it is, its flicker before and after,
    its colour scale, and what was damaged.

    Args:
        predictor: gives the maps.
        path: a video file, or a folder whose pictures in the order of their names are the frames.
        place: the clip's folder, made where missing; files of an earlier run are replaced one by one.
        settings: what to write.
        on_progress: called after each batch.

    Raises:
        DataError: no clip, frames of several sizes, no frame, or, under "stop", damage; finished files stay and are counted.
        UsageError: formats that do not fit the model, or a batch size below 1.
        StorageError: the folder cannot be written, or is the clip's own.
        MissingExtraError: a video file, or ``color``, without PyAV; ``exr`` without OpenEXR.
    """
    each = settings.each
    if each.batch_size < 1:
        raise UsageError(expected="a batch size of at least 1", got=str(each.batch_size), remedy="use 1")
    check_formats(each.formats, predictor.kind)
    _refuse_own_folder(path, place)
    clip = open_clip(path)
    if "color" in each.formats:
        pyav()
    work = _Work(predictor, clip, place, settings)
    with _counted(work):
        for batch in _batches(clip.read(each.on_unreadable, work.tell), each.batch_size):
            work.predict(batch)
            if on_progress is not None:
                on_progress(work.summary.predicted, clip.expected_frames)
    work.finish()
    return work.summary


class _Work:
    """One clip under way."""

    def __init__(self, predictor: PredictsByNetwork, clip: Clip, place: Path, settings: VideoSettings) -> None:
        self.predictor, self.clip, self.place, self.settings = predictor, clip, place, settings
        require_writable(place)
        self.summary = ClipSummary()
        self.formats = tuple(name for name in settings.each.formats if name != "color")
        self.stabiliser = Stabiliser(predictor.kind) if settings.stable else None
        self.raw, self.stable = FlickerMeter(), FlickerMeter()
        self.kept = KeptMaps(place) if "color" in settings.each.formats else None
        self.size: tuple[int, ...] = ()
        self.last_s = 0.0

    def tell(self, sentence: str) -> None:
        logger.warning("%s: %s", self.clip.path, sentence)
        self.summary.damage.append(sentence)

    def predict(self, batch: list[ClipFrame]) -> None:
        maps = self.predictor.predict_batch([frame.rgb for frame in batch])
        for frame, depth in zip(batch, maps, strict=True):
            self._require_size(frame)
            shown, notes = self._stabilised(frame, depth)
            self._save(frame, shown, notes)
            if self.kept is not None:
                self.kept.add(frame.index, shown)
            self.summary.predicted += 1
            self.last_s = frame.time_s

    def _stabilised(self, frame: ClipFrame, depth: DepthMap) -> tuple[DepthMap, dict[str, Any]]:
        picture = brightness(frame.rgb)
        if self.stabiliser is None:
            self.raw.add(depth, picture)
            return depth, {}
        found = self.stabiliser.step(depth, picture, frame.time_s)
        if found.restarted and self.summary.predicted:
            self.summary.restarts.append(frame.index)
            self.raw.cut()
            self.stable.cut()
        self.raw.add(depth, picture)
        self.stable.add(found.depth, picture)
        return found.depth, {"stable": {"scale": found.scale, "shift": found.shift, "restarted": found.restarted}}

    def _save(self, frame: ClipFrame, depth: DepthMap, notes: dict[str, Any]) -> None:
        place = {"image": str(frame.source), "frame": frame.index, "time_s": frame.time_s}
        description = {**place, **self.predictor.description, **depth.notes, **notes}
        prediction = Prediction(depth=depth, rgb=frame.rgb, description=description, camera=self.settings.each.camera)
        name = f"{self.place.name}_{frame.index:06d}"
        self.summary.files += save_prediction(self.place, name, prediction, self.formats)

    def _require_size(self, frame: ClipFrame) -> None:
        self.size = self.size or frame.rgb.shape[:2]
        if frame.rgb.shape[:2] != self.size:
            height, width = frame.rgb.shape[:2]
            raise DataError(
                expected=f"frames of one size, {self.size[1]}x{self.size[0]} as the first",
                got=f"{width}x{height} in {frame.source}",
                remedy="predict them as single pictures, without --video",
            )

    def finish(self) -> None:
        """The colour video and the record."""
        summary = self.summary
        if summary.predicted == 0:
            got = f"none in {self.clip.path} ({summary.damage[0] if summary.damage else 'it is empty'})"
            raise DataError(expected="at least one readable frame", got=got, remedy="check the input")
        summary.flicker_raw, summary.flicker_stable = self.raw.value, self.stable.value
        colour = None
        if self.kept is not None:
            path = output_path(self.place, self.place.name, COLOUR_VIDEO_ENDING)
            again = self.clip.read("skip", lambda _: None)  # what is damaged was said the first time
            colour = write_colour_video(path, again, self.kept, kind=self.predictor.kind, title=self.place.name)
            summary.files.append(path)
        path = self.place / RECORD
        with atomically(path) as temporary:
            temporary.write_text(json.dumps(self._record(colour), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        summary.files.append(path)

    def _record(self, colour: dict[str, Any] | None) -> dict[str, Any]:
        kind: DepthKind = self.predictor.kind
        summary, stable = self.summary, self.settings.stable
        return {
            "clip": str(self.clip.path),
            "kind": kind.value,
            "unit": kind.unit,
            "height": self.size[0],
            "width": self.size[1],
            "frames": summary.predicted,
            "frames_promised": self.clip.expected_frames,
            "frames_per_s": float(self.clip.rate),
            "last_frame_s": self.last_s,
            "damage": summary.damage,
            "stable": stable,
            "restarts": summary.restarts if stable else None,
            "flicker": {
                "before": summary.flicker_raw,
                "after": summary.flicker_stable,
                "triples": self.raw.triples,
                "definition": DEFINITION,
            },
            "color": colour,
            **self.predictor.description,
        }


def clip_places(paths: list[Path], out_folder: Path) -> dict[Path, Path]:
    """A folder below ``out_folder`` for each clip: its bare name, its whole name where two share that, else numbered.

    >>> [str(place) for place in clip_places([Path("a/x.mp4"), Path("b/x.webm"), Path("y")], Path("out")).values()]
    ['out/x.mp4', 'out/x.webm', 'out/y']
    """
    places: dict[Path, Path] = {}
    bare = [path.stem if path.suffix and not path.is_dir() else path.resolve().name for path in paths]
    for path, name in zip(paths, bare, strict=True):
        wanted = name if bare.count(name) == 1 else path.name
        numbered = (f"{wanted}_{number}" for number in itertools.count(2))
        free = (out_folder / one for one in itertools.chain([wanted], numbered))
        places[path] = next(one for one in free if one not in places.values())
    return places


@contextmanager
def _counted(work: _Work) -> Iterator[None]:
    """A refusal on the way says what stands on disk by then."""
    try:
        yield
    except DataError as error:
        if not (done := work.summary.predicted):
            raise
        written = f"files of {done} frames before it are in {work.place}"
        raise DataError(expected=error.expected, got=f"{error.got} ({written})", remedy=error.remedy) from error


def _batches(frames: Iterator[ClipFrame], size: int) -> Iterator[list[ClipFrame]]:
    yield from iter(lambda: list(itertools.islice(frames, size)), [])


def _refuse_own_folder(path: Path, place: Path) -> None:
    own = path if path.is_dir() else output_path(place, place.name, COLOUR_VIDEO_ENDING)
    with suppress(OSError):
        if own.resolve() == (place if path.is_dir() else path).resolve():
            remedy = "choose another output folder"
            raise StorageError(expected="results beside the clip, never over it", got=str(place), remedy=remedy)
