# SPDX-License-Identifier: Apache-2.0
"""A shelf of models, limits and a folder enter; the page, whose buttons call this room's functions, leaves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import gradio as gr

from leadline.contracts.errors import LeadlineError, UsageError
from leadline.web.downloads import DOWNLOADS, Download, offered, write_download
from leadline.web.known_points import KnownPoint, calibrate_shown
from leadline.web.shown_depth import TILE_CHOICES, ShownDepth, as_predicted, predict_upload, value_at
from leadline.web.view import view_html
from leadline.web.viewer import BEHAVIOUR

if TYPE_CHECKING:
    from leadline.web.limits import Limits, Work
    from leadline.web.shelf import Shelf

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
logger = logging.getLogger(__name__)

ENDINGS = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".gif"]
_KEPT_S = 3600  # results of a tab that is idle, or has gone, live so long
_HINT = "<p class='hint'>Drop a picture on the left; its depth appears here.</p>"
_NO_CLICK = "Click into the picture for the exact value of a pixel."


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """What one browser tab works on.

    Attributes:
        shown: the picture with its depth; None before the first.
        clicked: the last pixel clicked, column and row.
        points: known depths of this picture.
    """

    shown: ShownDepth | None = None
    clicked: tuple[int, int] | None = None
    points: tuple[KnownPoint, ...] = ()


def build_page(shelf: Shelf, limits: Limits, folder: Path, work: Work) -> gr.Blocks:
    """The page, not yet served.

    Args:
        shelf: models to choose from.
        limits: of each picture.
        folder: where downloads are written.
        work: told of every prediction.
    """
    page = gr.Blocks(title="Leadline", analytics_enabled=False, delete_cache=(_KEPT_S, _KEPT_S))
    with page:
        session = gr.State(Session(), time_to_live=_KEPT_S)
        gr.Markdown("## Leadline\nDepth of a picture, computed on this machine; nothing leaves it.")
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                file = gr.File(label="Picture", file_types=cast("Any", ENDINGS), height=130, elem_id="picture")
                model = gr.Dropdown(list(shelf.names), value=shelf.names[0], label="Model", visible=len(shelf.names) > 1)
                tile = gr.Dropdown(
                    list(TILE_CHOICES),
                    value="auto",
                    label="Tiles",
                    elem_id="tiles",
                    info="auto: only very large pictures; numbers: side in pixels",
                )
                with gr.Accordion("Known distances", open=False, elem_id="known"):
                    points = _points_panel()
            with gr.Column(scale=3, min_width=480):
                view = gr.HTML(_HINT, js_on_load=BEHAVIOUR, elem_id="view")
                said = gr.Markdown(_NO_CLICK, elem_id="said")
                with gr.Row():
                    buttons = {form: _download_button(form) for form in DOWNLOADS}
        parts = _Parts(session, view, said, buttons, points)
        # A second picture waits: the processor, or the one accelerator, is busy with the first
        gr.on(
            [file.change, model.input, tile.input],
            _predicting(shelf, limits, work),
            [file, model, tile],
            [session, view, said, points.table, *buttons.values()],
            concurrency_limit=1,
            api_visibility="private",
            show_progress_on=[view],
        )
        _wire_points(parts)
        _wire_downloads(parts, folder)
    page.queue(max_size=16)
    return page


@dataclass(frozen=True, slots=True)
class _Points:
    metres: gr.Number
    add: gr.Button
    remove: gr.Button
    fit: gr.Button
    undo: gr.Button
    table: gr.Markdown


@dataclass(frozen=True, slots=True)
class _Parts:
    session: gr.State
    view: gr.HTML
    said: gr.Markdown
    buttons: dict[Download, gr.Button]
    points: _Points


def _points_panel() -> _Points:
    gr.Markdown("Click a place, type its distance along the viewing direction, add it; three places or more, near and far.")
    metres = gr.Number(label="Metres at the clicked place", minimum=0, elem_id="metres")
    with gr.Row():
        add = gr.Button("Add point", size="sm", min_width=80, elem_id="add")
        remove = gr.Button("Remove last", size="sm", min_width=80, elem_id="remove")
    table = gr.Markdown("No points yet.", elem_id="points")
    with gr.Row():
        fit = gr.Button("Calibrate", size="sm", variant="primary", min_width=80, elem_id="fit")
        undo = gr.Button("Undo", size="sm", min_width=80, elem_id="undo")
    return _Points(metres, add, remove, fit, undo, table)


def _download_button(form: Download) -> gr.Button:
    return gr.Button(DOWNLOADS[form], size="sm", interactive=False, elem_id=f"save-{form}")


def _told(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """A user's mistake becomes one line on the page; a defect too, with its traceback in the log."""

    @wraps(function)
    def telling(*given: Given.args, **named: Given.kwargs) -> Answer:
        try:
            return function(*given, **named)
        except LeadlineError as error:
            raise _shown_error(str(error)) from error
        except Exception as error:
            # torch's own class by name, as in cli.failures
            if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
                raise _shown_error("out of memory: use a smaller picture, smaller tiles or another model") from error
            logger.exception("a defect of ours")
            raise _shown_error(f"a defect of ours, {type(error).__name__}: the log says more; please report it") from error

    return telling


def _shown_error(line: str) -> gr.Error:
    """Escaped, for the page shows messages as HTML and names of files come from elsewhere."""
    return gr.Error(escape(line, quote=False), duration=15, print_exception=False)


def _predicting(shelf: Shelf, limits: Limits, work: Work) -> Callable[..., Any]:
    def predict(path: str | None, name: str, tile: str, progress: gr.Progress = gr.Progress()) -> list[Any]:  # noqa: B008
        if path is None:
            return [Session(), _HINT, _NO_CLICK, _listed(()), *_switched(None)]
        progress(0, desc="predicting")

        def on_tile(done: int, total: int) -> None:
            work.check()
            progress((done, total), desc="tiles")

        with work.one():
            shown = predict_upload(shelf.predictor(name), Path(path), tile=tile, limits=limits, on_tile=on_tile)
        return [Session(shown=shown), view_html(shown), _NO_CLICK, _listed(()), *_switched(shown)]

    return _told(predict)


def _switched(shown: ShownDepth | None) -> list[gr.Button]:
    can = frozenset() if shown is None else offered(shown.depth.kind)
    return [gr.Button(interactive=form in can) for form in DOWNLOADS]


def _listed(points: tuple[KnownPoint, ...]) -> str:
    lines = [f"{number}. x {one.x_px}, y {one.y_px}: {one.depth_m:g} m" for number, one in enumerate(points, start=1)]
    return "\n".join(lines) or "No points yet."


def _wire_points(parts: _Parts) -> None:
    session, view, said, points = parts.session, parts.view, parts.said, parts.points

    def click(event: gr.EventData, now: Session) -> tuple[Session, str]:
        if now.shown is None:
            return now, _NO_CLICK
        x_px, y_px = int(event.x), int(event.y)
        return replace(now, clicked=(x_px, y_px)), f"x {x_px}, y {y_px}: **{value_at(now.shown, x_px, y_px)}**"

    def add(metres: float | None, now: Session) -> tuple[Session, str, str]:
        if now.shown is None or now.clicked is None:
            raise UsageError(expected="a clicked place", got="none", remedy="click into the picture first")
        x_px, y_px = now.clicked
        changed = replace(now, points=(*now.points, KnownPoint(x_px=x_px, y_px=y_px, depth_m=metres or 0.0)))
        return changed, view_html(now.shown, changed.points), _listed(changed.points)

    def remove(now: Session) -> tuple[Session, str, str]:
        changed = replace(now, points=now.points[:-1])
        return changed, _viewed(changed), _listed(changed.points)

    def fit(now: Session) -> list[Any]:
        if now.shown is None:
            raise UsageError(expected="a picture with its depth", got="none", remedy="drop a picture first")
        found = calibrate_shown(as_predicted(now.shown), now.points)
        changed = replace(now, shown=found.shown)
        return [changed, _viewed(changed), "\n\n".join(found.sentences), *_switched(found.shown)]

    def undo(now: Session) -> list[Any]:
        changed = now if now.shown is None else replace(now, shown=as_predicted(now.shown))
        return [changed, _viewed(changed), _NO_CLICK, *_switched(changed.shown)]

    selected: Any = view.select
    buttons = list(parts.buttons.values())
    selected(_told(click), [session], [session, said], show_progress="hidden", api_visibility="private")
    drawn = [session, view, points.table]
    points.add.click(_told(add), [points.metres, session], drawn, api_visibility="private")
    points.remove.click(_told(remove), [session], drawn, api_visibility="private")
    points.fit.click(_told(fit), [session], [session, view, said, *buttons], api_visibility="private")
    points.undo.click(_told(undo), [session], [session, view, said, *buttons], api_visibility="private")


def _viewed(now: Session) -> str:
    return _HINT if now.shown is None else view_html(now.shown, now.points)


def _wire_downloads(parts: _Parts, folder: Path) -> None:
    """A visible button has the file written; a hidden link behind it then hands it to the browser."""
    link = gr.DownloadButton("file", visible="hidden", elem_id="handed-over")
    for form, button in parts.buttons.items():

        def save(now: Session, form: Download = form) -> str:
            if now.shown is None:
                raise UsageError(expected="a picture with its depth", got="none", remedy="drop a picture first")
            return str(write_download(now.shown, form, folder))

        written = button.click(_told(save), [parts.session], [link], api_visibility="private")
        written.success(None, None, None, js="() => setTimeout(() => document.querySelector('#handed-over').click(), 150)")
