# SPDX-License-Identifier: Apache-2.0
"""What ``leadline predict`` does with clips: inputs are told apart, and a predictor and clips become files, under a bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from leadline.cli.console import notices, say
from leadline.contracts.errors import UsageError

if TYPE_CHECKING:
    from leadline.inference.predict_files import PredictsByNetwork
    from leadline.inference.predict_video import ClipSummary, VideoSettings


def split_inputs(inputs: Sequence[Path], *, video: bool, stable: bool) -> tuple[list[Path], list[Path]]:
    """Clips and all others: files with a video's ending, and with ``--video`` everything.

    Raises:
        UsageError: ``--stable`` where there is no clip.
    """
    from leadline.inference.clips.opening import is_video

    clips = [path for path in inputs if video or is_video(path)]
    if stable and not clips:
        raise UsageError(
            expected="a clip for --stable",
            got="only pictures",
            remedy="pass --video where the folder's pictures are the frames of one clip",
        )
    return clips, [path for path in inputs if path not in clips]


def frames_expected(clips: Sequence[Path]) -> int:
    """How many frames the clips promise together; those that do not say count as one.

    Raises:
        DataError: a clip that cannot be opened; MissingExtraError without PyAV.
    """
    from leadline.inference.clips.opening import open_clip

    return sum(open_clip(path).expected_frames or 1 for path in clips)


def predict_clips(
    predictor: PredictsByNetwork, clips: Sequence[Path], out_folder: Path, settings: VideoSettings
) -> list[ClipSummary]:
    """Predict each clip into its folder below ``out_folder`` and say what came of it; errors as ``predict_video``."""
    from leadline.inference.predict_video import clip_places, predict_video

    summaries = []
    for path, place in clip_places(list(clips), out_folder).items():
        with frame_progress(path.name) as advance:
            summary = predict_video(predictor, path, place, settings, advance)
        conclude(summary, path, place)
        summaries.append(summary)
    return summaries


def conclude(summary: ClipSummary, path: Path, place: Path) -> None:
    """One line on stdout; what was passed over was logged when it happened."""
    damage = f", {len(summary.damage)} damaged places" if summary.damage else ""
    flicker = ""
    if summary.flicker_raw is not None:
        flicker = f", flicker {summary.flicker_raw:.2%}"
    if summary.flicker_stable is not None:
        flicker += f" before and {summary.flicker_stable:.2%} after"
    say(f"{path}: {summary.predicted} frames{damage}{flicker}: {place}")


class _Rate(ProgressColumn):
    """Frames per second."""

    def render(self, task: Task) -> Text:
        return Text("" if not task.speed else f"{task.speed:.2f} frames/s")


@contextmanager
def frame_progress(description: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on stderr with rate and remaining time; yields a function that is told (frames done, in all or None)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=notices()) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=None if total is None else max(done, total))
