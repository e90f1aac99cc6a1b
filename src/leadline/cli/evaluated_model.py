# SPDX-License-Identifier: Apache-2.0
"""What ``leadline evaluate`` judges: the flags, the dataset and the protocol enter, a predictor ready for use leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from leadline.contracts.errors import UsageError

if TYPE_CHECKING:
    from leadline.cli.evaluate import EvaluateArguments
    from leadline.contracts.predictor import Predicts
    from leadline.data.dataset import DepthDataset
    from leadline.evaluation.pair_predictions import SamplePredictor
    from leadline.evaluation.protocol import Protocol


def check_mode(arguments: EvaluateArguments) -> None:
    """Refuse what does not go together with ``--mode`` and ``--post-processing``, before the model is loaded.

    Raises:
        UsageError: names the flag.
    """
    asked = {"--mode": arguments.mode is not None, "--post-processing": arguments.post_processing != "none"}
    for flag in (flag for flag, stands in asked.items() if stands):
        refused = {
            "--runtime torch": arguments.runtime != "torch",
            "no --architecture": arguments.architecture is not None,
            "--tta none": arguments.tta not in (None, "none"),
        }
        for wanted in (wanted for wanted, broken in refused.items() if broken):
            remedy = "say --post-processing flip" if wanted == "--tta none" else "change it, or leave the mode out"
            raise UsageError(expected=f"{wanted} with {flag}", got="another", remedy=remedy)


def chosen_predictor(arguments: EvaluateArguments, dataset: DepthDataset, protocol: Protocol) -> Predicts:
    """The model in the runtime asked for; a stereo network sees samples in ``--mode``, or by its own path of one eye.

    Its maps leave at its own size where the protocol says in which space they are resized, else at the pictures'.

    Raises:
        UsageError: a mode for a model that has none.
        WeightsError, UsageError: as for ``leadline.inference.predictor.load``.
    """
    from leadline.models.stereo.checkpoint import holds_stereo

    asked = arguments.mode is not None or arguments.post_processing != "none"
    by_samples = asked or (arguments.runtime == "torch" and arguments.architecture is None and protocol.tta == "none")
    seen = _stereo(arguments, dataset, protocol) if by_samples and holds_stereo(arguments.model) else None
    if seen is not None:
        return seen
    if asked:
        raise UsageError(
            expected="a stereo network of levels for --mode and --post-processing",
            got=f"{arguments.model}, another kind of model",
            remedy="leave both out; --tta flip averages two looks of any model",
        )
    return _plain(arguments)


def _stereo(arguments: EvaluateArguments, dataset: DepthDataset, protocol: Protocol) -> SamplePredictor | None:
    """None for a network without levels (monodepth2's), which has one path and no pairs."""
    from leadline.evaluation.pair_predictions import SamplePredictor
    from leadline.inference.stereo.stereo_predictor import StereoPredictor, StereoSettings
    from leadline.models.stereo.checkpoint import load_network
    from leadline.models.stereo.stereo_model import StereoModel

    network = load_network(arguments.model)
    if not isinstance(network, StereoModel):
        return None
    own: Literal["mono", "refined"] = "refined" if network.config.monocular == "refined" else "mono"
    settings = StereoSettings(
        mode=arguments.mode or own,
        post_processing=arguments.post_processing,
        map_size="picture" if protocol.resize_in == "kind" else "network",
    )
    predictor = StereoPredictor(
        network,
        settings,
        device=arguments.device,
        precision=arguments.precision,
        source=arguments.model,
    )
    return SamplePredictor(predictor, dataset.provides)


def _plain(arguments: EvaluateArguments) -> Predicts:
    from leadline.inference.predictor import load
    from leadline.inference.runtimes.choose import RuntimeRequest, choose

    plain = load(
        arguments.model, device=arguments.device, precision=arguments.precision, architecture=arguments.architecture
    )
    wanted = RuntimeRequest(source=arguments.model, runtime=arguments.runtime, precision=arguments.precision)
    return choose(plain, wanted).predictor
