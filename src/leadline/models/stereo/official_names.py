# SPDX-License-Identifier: Apache-2.0
"""Names of the tensors in an official TiO-Depth checkpoint enter; ours leave, and the way back.

Its layers are one numbered list, "1._convs.K": decoder, output, then matching, then what the refined path has of its own.
Its encoder is "0"; what comes after that is the business of ``pyramid_names``.
"""

from __future__ import annotations

from leadline.models.name_rules import NameRules, renamer, turned

OFFICIAL_ENCODER, OFFICIAL_DECODER = "0.", "1._convs."
_RAW, _REFINED = "decoder.raw", "decoder.refined"
_GENERATOR_LAYERS = (("0", "0"), ("1", "1"), ("3.conv", "3"))
_MATCHING_LAYERS = (
    ("q_conv.0", "query"),
    ("k_conv.0", "key"),
    ("redu.0.conv", "fuse.0"),
    ("redu.1.fc.0", "fuse.1.weigh.0"),
    ("redu.1.fc.2", "fuse.1.weigh.2"),
)


def _layers(number: int, ours: str, layers: tuple[tuple[str, str], ...]) -> NameRules:
    return tuple((f"{OFFICIAL_DECODER}{number}.{theirs}", f"{ours}.{own}") for theirs, own in layers)


def _level(level: int, first: int) -> NameRules:
    """The five numbers from ``first`` on that belong to one level with an encoder's map."""
    block = (("conv.conv", "0"),)
    return (
        *_layers(first, f"{_RAW}.before.{level}", block),
        *_layers(first + 1, f"{_RAW}.aggregate.{level}.project", block),
        *_layers(first + 2, f"{_RAW}.aggregate.{level}.decoder_offsets", _GENERATOR_LAYERS),
        *_layers(first + 3, f"{_RAW}.ending.offsets.{level}", _GENERATOR_LAYERS),
        *_layers(first + 4, f"{_RAW}.after.{level}", block),
    )


_RULES: NameRules = (
    *_level(3, 0),
    *_level(2, 5),
    *_level(1, 10),
    *_layers(15, f"{_RAW}.before.0", (("conv.conv", "0"),)),
    *_layers(16, f"{_RAW}.after.0", (("conv.conv", "0"),)),
    *_layers(17, _RAW, (("conv", "ending.output"),)),
    *_layers(18, "decoder.matching.3", _MATCHING_LAYERS),
    *_layers(19, "decoder.matching.2", _MATCHING_LAYERS),
    *_layers(20, "decoder.matching.1", _MATCHING_LAYERS),
    *_layers(21, f"{_REFINED}.offsets.3", _GENERATOR_LAYERS),
    *_layers(22, f"{_REFINED}.offsets.2", _GENERATOR_LAYERS),
    *_layers(23, f"{_REFINED}.offsets.1", _GENERATOR_LAYERS),
    *_layers(24, _REFINED, (("conv", "output"),)),
)
_OURS, _THEIRS = renamer(_RULES), renamer(turned(_RULES))


def is_official(names: list[str]) -> bool:
    """True where these are the names of a whole TiO-Depth network.

    >>> is_official(["0.patch_embed.proj.weight", "1._convs.0.conv.conv.weight"]), is_official(["encoder.cls_token"])
    (True, False)
    """
    return any(name.startswith(OFFICIAL_DECODER) for name in names)


def decoder_name(official: str) -> str | None:
    """Our name of an official decoder tensor, or None where it is none.

    >>> decoder_name("1._convs.0.conv.conv.weight"), decoder_name("1._convs.24.conv.bias")
    ('decoder.raw.before.3.0.weight', 'decoder.refined.output.bias')
    """
    return _OURS(official)


def official_decoder_name(name: str) -> str | None:
    """The official name of one of our decoder's tensors, or None where it has none.

    >>> official_decoder_name("decoder.raw.after.0.0.weight")
    '1._convs.16.conv.conv.weight'
    """
    return _THEIRS(name)
