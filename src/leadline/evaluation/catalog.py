# SPDX-License-Identifier: Apache-2.0
"""All protocols by name: a name and changed choices enter, a protocol leaves."""

from __future__ import annotations

import typing
from dataclasses import replace

from leadline.contracts.errors import UsageError
from leadline.contracts.suggestions import did_you_mean
from leadline.evaluation.crops import CROPS
from leadline.evaluation.protocol import Convention, Protocol
from leadline.evaluation.protocols.da2k import DA2K
from leadline.evaluation.protocols.ddos import DDOS
from leadline.evaluation.protocols.depth import DEPTH
from leadline.evaluation.protocols.ibims import IBIMS
from leadline.evaluation.protocols.kitti_2015 import KITTI_2015
from leadline.evaluation.protocols.kitti_eigen import KITTI_EIGEN_MD2, KITTI_EIGEN_TIO, KITTI_IMPROVED
from leadline.evaluation.protocols.nyu_eigen import NYU_EIGEN
from leadline.evaluation.protocols.procedural import PROCEDURAL
from leadline.evaluation.protocols.relative import (
    DIODE_RELATIVE,
    ETH3D_RELATIVE,
    KITTI_RELATIVE,
    NYU_RELATIVE,
    SINTEL_RELATIVE,
)
from leadline.evaluation.protocols.stereo import STEREO
from leadline.evaluation.protocols.sunrgbd_zoe import SUNRGBD_ZOE
from leadline.geometry.alignment import Alignment

PROTOCOLS: dict[str, Protocol] = {
    "nyu-eigen": NYU_EIGEN,
    "sunrgbd-zoe": SUNRGBD_ZOE,
    "ibims": IBIMS,
    "da2k": DA2K,
    "ddos": DDOS,
    "nyu-relative": NYU_RELATIVE,
    "kitti-relative": KITTI_RELATIVE,
    "sintel-relative": SINTEL_RELATIVE,
    "eth3d-relative": ETH3D_RELATIVE,
    "diode-relative": DIODE_RELATIVE,
    "kitti-eigen-md2": KITTI_EIGEN_MD2,
    "kitti-eigen-tio": KITTI_EIGEN_TIO,
    "kitti-improved": KITTI_IMPROVED,
    "kitti-2015": KITTI_2015,
    "stereo": STEREO,
    "procedural": PROCEDURAL,
    "depth": DEPTH,
}


def find_protocol(name: str) -> Protocol:
    """The protocol of this name.

    Raises:
        UsageError: there is none; the nearest name is suggested where one is alike.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    raise UsageError(
        expected=f"one of the protocols {', '.join(PROTOCOLS)}",
        got=f"'{name}'",
        remedy=did_you_mean(name, PROTOCOLS, otherwise="choose one of these"),
    )


def changed(
    protocol: Protocol,
    *,
    crop: str | None = None,
    range_m: tuple[float, float] | None = None,
    alignment: str | None = None,
    convention: str | None = None,
    tta: str | None = None,
) -> Protocol:
    """The protocol with the named choices replaced; None keeps a choice.  Results record what differs from the catalog.

    Raises:
        UsageError: an unknown crop, alignment, convention or test-time augmentation.
        ContractError: a range, alignment or convention the protocol cannot take.
    """
    if crop is not None:
        protocol = replace(protocol, crop=CROPS[_known("crop", crop, list(CROPS))])
    if range_m is not None:
        protocol = replace(protocol, range_m=range_m)
    if alignment is not None:
        protocol = replace(protocol, alignment=Alignment(_known("alignment", alignment, [a.value for a in Alignment])))
    if convention is not None:
        _known("convention", convention, list(typing.get_args(Convention)))
        chosen = typing.cast("Convention", convention)
        protocol = replace(protocol, convention=chosen, clamp=protocol.clamp and chosen != "disp")
    if tta is not None:
        protocol = replace(protocol, tta="flip" if _known("tta", tta, ["none", "flip"]) == "flip" else "none")
    return protocol


def changed_choices(protocol: Protocol) -> list[str]:
    """Names of the settings in which this protocol differs from the catalog's of the same name; all for an unknown name."""
    original = PROTOCOLS.get(protocol.name)
    if original is None:
        return sorted(protocol.settings)
    return sorted(name for name, value in protocol.settings.items() if original.settings[name] != value)


def _known(what: str, value: str, known: list[str]) -> str:
    if value in known:
        return value
    raise UsageError(
        expected=f"--{what} to be one of {', '.join(known)}",
        got=f"'{value}'",
        remedy=did_you_mean(value, known, otherwise=f"leave --{what} out for the protocol's own choice"),
    )
