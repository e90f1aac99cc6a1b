# SPDX-License-Identifier: Apache-2.0
"""The words after ``leadline`` enter; the verb they name is imported, alone, and runs; an exit status leaves."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from leadline.cli.failures import report_failure
from leadline.contracts.errors import UsageError
from leadline.contracts.suggestions import nearest
from leadline.inference.process import suit_dense_work

# verb -> (module with main(argv) -> exit status, what it does).  Strings, so that --help imports none of them.
VERBS: dict[str, tuple[str, str]] = {
    "demo": ("leadline.cli.demo", "train on procedural scenes, evaluate, predict, write report.html"),
    "train": ("leadline.cli.train", "train a model by a recipe: leadline train RECIPE"),
    "resume": ("leadline.cli.resume", "continue a run where it stopped, bit for bit"),
    "evaluate": ("leadline.cli.evaluate", "score a model on a dataset by a named protocol"),
    "predict": ("leadline.cli.predict", "depth of pictures, as arrays, rasters, points or colours"),
    "label": ("leadline.cli.label", "pseudo-labels of pictures in bulk, in shards; goes on where it was stopped"),
    "ablate": ("leadline.cli.ablate", "a table of variants, trained and judged alike: leadline ablate NAME --out DIR"),
    "calibrate": ("leadline.cli.calibrate", "metres from a model and a few known depths"),
    "export": ("leadline.cli.export", "a model as one verified file: ONNX or OpenVINO"),
    "app": ("leadline.cli.app", "a page on this machine: drop a picture, see and measure its depth"),
    "data": ("leadline.cli.data", "inspect or preview a dataset"),
    "list": ("leadline.cli.list", "recipes, datasets, protocols or models there are"),
    "benchmark": ("leadline.cli.benchmark", "ratios measured side by side on this machine"),
    "doctor": ("leadline.cli.doctor", "what this machine and installation can do"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: this process's own) and return its exit status.

    0 success; 2 a user's mistake, told in one line on stderr; 1 a defect of ours; 130 after Ctrl-C; 143 after SIGTERM or
    Ctrl-C in training, with everything saved; 141 when the reader of our output has gone.
    """
    suit_dense_work()
    try:
        status = _dispatch(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the boundary: what escapes here becomes an exit status
        return report_failure(error, debug=os.environ.get("LEADLINE_DEBUG", "") not in ("", "0"))
    return status


def run() -> NoReturn:
    """The command's own process: ``main``, then the end of the process with its exit status."""
    status = main()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        # Threads of torch.distributed outlive its groups; one that still holds a tensor would abort a dying interpreter,
        # and torchrun would call a finished run failed.  All files are closed by now.
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0
    if argv[0] in ("-V", "--version"):
        from importlib.metadata import version

        sys.stdout.write(f"leadline {version('leadline')}\n")
        return 0
    verb, rest = argv[0], argv[1:]
    if verb not in VERBS:
        match = nearest(verb, VERBS)
        hint = f"did you mean {match}? " if match else ""
        raise UsageError(expected=f"one of {', '.join(VERBS)}", got=repr(verb), remedy=f"{hint}see `leadline --help`")
    run: Callable[[Sequence[str]], int] = importlib.import_module(VERBS[verb][0]).main
    return run(rest)


def _help() -> str:
    width = max(map(len, VERBS)) + 2
    verbs = "".join(f"  {verb:<{width}}{summary}\n" for verb, (_, summary) in VERBS.items())
    return (
        "usage: leadline VERB ...\n\nTrain, evaluate and run monocular depth models.\n\n"
        f"{verbs}\n`leadline VERB --help` explains one.  A mistake is answered in one line and exit status 2;\n"
        "LEADLINE_DEBUG=1 shows the traceback of a defect.\n"
    )


if __name__ == "__main__":
    run()
