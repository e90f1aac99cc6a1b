# SPDX-License-Identifier: Apache-2.0
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.manifest import LabelLine, ManifestLine


def test_manifest_line__two_paths_suffice_and_mean_metres_with_zero_as_no_depth() -> None:
    line = ManifestLine(image="a.png", depth="a.npy")
    assert (line.kind, line.scale, line.offset, line.invalid_values) == (DepthKind.METRIC, 1.0, 0.0, (0.0,))


def test_label_line__has_no_error_and_is_not_dropped_unless_it_says_so() -> None:
    line = LabelLine(
        image="a.jpg", image_sha256="", label=None, label_sha256=None, label_start=None, label_bytes=None,
        picture_size_px=None, label_size_px=None, dtype="uint16", scale=None, offset=None, kind=DepthKind.METRIC, model="m",
        weights_sha256="", settings_sha256="", quality=None,
    )  # fmt: skip
    assert (line.error, line.dropped) == (None, None)
