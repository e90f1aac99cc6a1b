# SPDX-License-Identifier: Apache-2.0
"""A shelf of models, limits and a folder enter; the page, whose buttons call this room's functions, leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import gradio as gr

from leadline.contracts.errors import UsageError
from leadline.web.downloads import DOWNLOADS, Download, offered, write_download, write_model
from leadline.web.known_points import KnownPoint, calibrate_shown
from leadline.web.shelf import short_names
from leadline.web.shown_depth import TILE_CHOICES, ShownDepth, as_predicted, predict_upload, value_at
from leadline.web.telling import told
from leadline.web.view import view_html
from leadline.web.viewer import BEHAVIOUR

if TYPE_CHECKING:
    from leadline.models.calibration import Calibration
    from leadline.web.limits import Limits, Work
    from leadline.web.shelf import Shelf

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
        model: the name of what predicted it.
        calibration: found from the points; None before, and after it was undone.
    """

    shown: ShownDepth | None = None
    clicked: tuple[int, int] | None = None
    points: tuple[KnownPoint, ...] = ()
    model: str = ""
    calibration: Calibration | None = None


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
                gr.Markdown(limits.sentence, elem_id="limits")
                model = gr.Dropdown(
                    list(zip(short_names(shelf.names), shelf.names, strict=True)),
                    value=shelf.names[0],
                    label="Model",
                    visible=len(shelf.names) > 1,
                )
                tile = gr.Dropdown(
                    list(TILE_CHOICES),
                    value="auto",
                    label="Tiles",
                    elem_id="tiles",
                    info="auto: for pictures far larger than the model sees; numbers: side in pixels",
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
            [session, view, said, points.table, *buttons.values(), points.save],
            concurrency_limit=1,
            api_visibility="private",
            show_progress_on=[view],
        )
        _wire_points(parts)
        _wire_downloads(parts, shelf, folder)
    page.queue(max_size=16)
    return page


@dataclass(frozen=True, slots=True)
class _Points:
    metres: gr.Number
    add: gr.Button
    remove: gr.Button
    fit: gr.Button
    undo: gr.Button
    save: gr.Button
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
    save = gr.Button("Calibrated model", size="sm", interactive=False, elem_id="save-model")
    return _Points(metres, add, remove, fit, undo, save, table)


def _download_button(form: Download) -> gr.Button:
    return gr.Button(DOWNLOADS[form], size="sm", interactive=False, elem_id=f"save-{form}")


def _predicting(shelf: Shelf, limits: Limits, work: Work) -> Callable[..., Any]:
    def predict(path: str | None, name: str, tile: str, progress: gr.Progress = gr.Progress()) -> list[Any]:  # noqa: B008
        if path is None:
            return [Session(), _HINT, _NO_CLICK, _listed(()), *_switched(Session())]
        progress(0, desc="predicting")

        def on_tile(done: int, total: int) -> None:
            work.check()
            progress((done, total), desc="tiles")

        with work.one():
            shown = predict_upload(shelf.predictor(name), Path(path), tile=tile, limits=limits, on_tile=on_tile)
        now = Session(shown=shown, model=name)
        return [now, view_html(shown), _NO_CLICK, _listed(()), *_switched(now)]

    return told(predict)


def _switched(now: Session) -> list[gr.Button]:
    """The buttons of the formats, then that of the calibrated model."""
    can = frozenset() if now.shown is None else offered(now.shown.depth.kind)
    usable = [*(form in can for form in DOWNLOADS), now.calibration is not None]
    return [gr.Button(interactive=one) for one in usable]


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
        changed = replace(now, shown=found.shown, calibration=found.calibration)
        return [changed, _viewed(changed), "\n\n".join(found.sentences), *_switched(changed)]

    def undo(now: Session) -> list[Any]:
        changed = now if now.shown is None else replace(now, shown=as_predicted(now.shown), calibration=None)
        return [changed, _viewed(changed), _NO_CLICK, *_switched(changed)]

    selected: Any = view.select
    buttons = [*parts.buttons.values(), points.save]
    selected(told(click), [session], [session, said], show_progress="hidden", api_visibility="private")
    drawn = [session, view, points.table]
    points.add.click(told(add), [points.metres, session], drawn, api_visibility="private")
    points.remove.click(told(remove), [session], drawn, api_visibility="private")
    points.fit.click(told(fit), [session], [session, view, said, *buttons], api_visibility="private")
    points.undo.click(told(undo), [session], [session, view, said, *buttons], api_visibility="private")


def _viewed(now: Session) -> str:
    return _HINT if now.shown is None else view_html(now.shown, now.points)


def _wire_downloads(parts: _Parts, shelf: Shelf, folder: Path) -> None:
    """A visible button has the file written; a hidden link behind it then hands it to the browser."""
    link = gr.DownloadButton("file", visible="hidden", elem_id="handed-over")

    def hand_over(button: gr.Button, write: Callable[[Session], str]) -> None:
        written = button.click(told(write), [parts.session], [link], api_visibility="private")
        written.success(None, None, None, js="() => setTimeout(() => document.querySelector('#handed-over').click(), 150)")

    def save_model(now: Session) -> str:
        if now.calibration is None:
            raise UsageError(expected="a calibration", got="none", remedy="add known distances and press Calibrate")
        name = short_names(shelf.names)[shelf.names.index(now.model)]
        return str(write_model(shelf.predictor(now.model), now.calibration, name, folder))

    for form, button in parts.buttons.items():

        def save(now: Session, form: Download = form) -> str:
            if now.shown is None:
                raise UsageError(expected="a picture with its depth", got="none", remedy="drop a picture first")
            return str(write_download(now.shown, form, folder))

        hand_over(button, save)
    hand_over(parts.points.save, save_model)
