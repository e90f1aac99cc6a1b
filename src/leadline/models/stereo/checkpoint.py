# SPDX-License-Identifier: Apache-2.0
"""A stereo network enters and a folder holds it; or what a user calls a MODEL enters and its stereo network leaves."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from leadline.contracts.errors import WeightsError
from leadline.contracts.paths import is_file
from leadline.models.checkpoint_folder import family_of, read_stereo_checkpoint, write_checkpoint
from leadline.models.model_places import RANDOM_PREFIX, checkpoint_folder, located
from leadline.models.stereo.adaptation import merged_tensors
from leadline.models.stereo.config import StereoModelConfig, TrainingRig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.official_names import OFFICIAL_ENCODER, decoder_name, is_official
from leadline.models.stereo.pyramid_names import pyramid_tensors
from leadline.models.stereo.sigmoid_model import SigmoidModel
from leadline.models.stereo.stereo_model import StereoModel
from leadline.models.weight_files import read_tensors

# The released network: Swin-T at stride 2, trained on KITTI at 384 x 1280, where depth times disparity is 400.9.
OFFICIAL_CONFIG = StereoModelConfig(
    pyramid=PyramidConfig(encoder="swin_t", base_stride=2, normalisation="tio"),
    parity=True,
    rig=TrainingRig(baseline_m=0.54, focal_px=721.54, width_px=1244.0),
    input_size=(384, 1280),
)
_SHOWN = 3
_COUNTERS = ".num_batches_tracked"
logger = logging.getLogger(__name__)


def build_network(config: StereoModelConfig) -> StereoModel | SigmoidModel:
    """The network of a configuration with random weights.

    Raises:
        UsageError: an encoder that cannot serve.
    """
    return StereoModel(config) if config.decoder == "volume" else SigmoidModel(config)


def save_stereo_model(folder: Path, network: StereoModel | SigmoidModel) -> None:
    """Write ``model.safetensors`` and ``model.json`` into ``folder``, atomically; low-rank additions are merged in the file.

    Raises:
        StorageError: the folder cannot be written.
    """
    write_checkpoint(folder, network.config, merged_tensors(network))


def holds_stereo(source: str | Path) -> bool:
    """Whether a MODEL is a stereo network, of ours or an official TiO-Depth file; what is broken or absent is none.

    Raises:
        WeightsError: the source does not exist, cannot be fetched, or is a checkpoint whose description is damaged.
    """
    if str(source).startswith(RANDOM_PREFIX):
        return False
    path = located(source)[0]
    if is_file(path) and path.suffix.lower() in {".pth", ".pt"}:
        return is_official(_names(path))
    try:
        folder = checkpoint_folder(path)
    except WeightsError:  # another kind of folder, for which others have words
        return False
    return folder is not None and family_of(folder) == "stereo"


def load_stereo_model(source: str | Path) -> StereoModel:
    """As ``load_network``, but only for what can look with two eyes; errors likewise, and for a network that cannot."""
    network = load_network(source)
    if isinstance(network, StereoModel):
        return network
    raise WeightsError(
        expected="a stereo network that can look at two views",
        got=f"{source}, which has monodepth2's decoder for one",
        remedy="use it like any other depth model",
    )


def load_network(source: str | Path) -> StereoModel | SigmoidModel:
    """A network trained on pairs or sequences, with its weights, in evaluation mode.

    Args:
        source: a run folder (its best, else its latest checkpoint), a checkpoint folder, an official TiO-Depth file, or
            "hf:..." to fetch one of these.

    Raises:
        WeightsError: the source does not exist, is damaged, holds another kind of model, or does not fit.
        UsageError: a checkpoint whose configuration this version does not know.
    """
    if str(source).startswith(RANDOM_PREFIX):
        raise WeightsError(
            expected="a stereo network with its weights", got=str(source), remedy="name a run or checkpoint folder of one"
        )
    path = located(source)[0]
    folder = checkpoint_folder(path)
    if folder is not None:
        return _filled(*read_stereo_checkpoint(folder), path)
    tensors = read_tensors(path)
    if not is_official(list(tensors)):
        raise WeightsError(
            expected="a stereo network: a run or checkpoint folder of recipe stereo, or an official TiO-Depth file",
            got=f"{path} with {len(tensors)} tensors of something else",
            remedy="name such a folder or file, or use this one as --pretrained-checkpoint of a training",
        )
    return _filled(OFFICIAL_CONFIG, official_tensors(tensors), path)


def official_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of an official TiO-Depth file, of any shape, under the names of a ``StereoModel``; others keep theirs."""
    of_encoder = {name: one for name, one in tensors.items() if name.startswith(OFFICIAL_ENCODER)}
    bare = {name.removeprefix(OFFICIAL_ENCODER): one for name, one in of_encoder.items()}
    encoder = {f"pyramid.{name}": one for name, one in pyramid_tensors(bare, OFFICIAL_CONFIG.pyramid).items()}
    rest = {decoder_name(name) or name: one for name, one in tensors.items() if name not in of_encoder}
    return encoder | rest


def _filled(config: StereoModelConfig, tensors: dict[str, Tensor], path: Path) -> StereoModel | SigmoidModel:
    network = build_network(config)
    own = network.state_dict()
    missing = [name for name in own if name not in tensors and not name.endswith(_COUNTERS)]
    other = [name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape]
    if missing or other:
        named = ", ".join(sorted(missing + other)[:_SHOWN])
        raise WeightsError(
            expected=f"the {len(own)} tensors of a stereo network with encoder {config.pyramid.encoder} in {path}",
            got=f"{len(missing)} missing and {len(other)} of another shape ({named})",
            remedy="check the file, or use it to initialise training instead",
        )
    unused = sorted(tensors.keys() - own.keys())
    if unused:
        logger.warning("%s: %d tensors are not used (%s)", path, len(unused), ", ".join(unused[:_SHOWN]))
    network.load_state_dict(tensors, strict=False)
    return network.eval()


def _names(path: Path) -> list[str]:
    """Names in a pickle of tensors, whose numbers are not read; none where it cannot be read."""
    try:
        content: Any = torch.load(path, map_location="meta", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, LookupError, pickle.UnpicklingError):
        return []
    inside = content.get("model_params", content) if isinstance(content, Mapping) else {}
    return [str(name) for name in inside] if isinstance(inside, Mapping) else []
