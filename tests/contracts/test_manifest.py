# SPDX-License-Identifier: Apache-2.0
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.manifest import ManifestLine


def test_manifest_line__two_paths_suffice_and_mean_metres_with_zero_as_no_depth() -> None:
    line = ManifestLine(image="a.png", depth="a.npy")
    assert (line.kind, line.scale, line.offset, line.invalid_values) == (DepthKind.METRIC, 1.0, 0.0, (0.0,))
