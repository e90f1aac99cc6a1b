# SPDX-License-Identifier: Apache-2.0
"""Write one ``manifest.jsonl`` per folder of the real frames beside the project, for ``--dataset labelled_folder``.

usage: python scripts/real_frames_manifest.py DATA OUT    (DATA: the folder of frames, whose MANIFEST.md describes them)

The frames have research licences: the manifests point at them, nothing is copied.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """How one folder pairs pictures and depth: globs that sort alike, metres per stored unit, what means "no depth"."""

    images: str
    depths: str
    scale: float
    invalid: tuple[int, ...] = (0,)
    intrinsics: tuple[float, float, float, float] | None = None


FOLDERS = {
    "hololens": Folder(
        images="hololens/000/images/*.png",
        depths="hololens/000/depth/*.png",
        scale=0.001,
        intrinsics=(495.567757, 495.481963, 270.002897, 169.694112),
    ),
    "redwood": Folder(
        images="redwood_tum_sun/color/*.jpg",
        depths="redwood_tum_sun/depth/*.png",
        scale=0.001,
        intrinsics=(525.0, 525.0, 320.0, 240.0),
    ),
    "tum": Folder(images="tum/[12].png", depths="tum/[12]_depth.png", scale=0.0002, intrinsics=(520.9, 521.0, 325.6, 250.2)),
    "icl_nuim": Folder(images="icl_nuim/color/*.png", depths="icl_nuim/depth/*.png", scale=0.0002, invalid=()),
    "nyu_like": Folder(images="nyu_like/color/*.png", depths="nyu_like/depth/*.pgm", scale=0.001),
}


def main(data: Path, out: Path) -> int:
    """Write OUT/NAME/manifest.jsonl for each folder."""
    for name, folder in FOLDERS.items():
        pairs = list(zip(sorted(data.glob(folder.images)), sorted(data.glob(folder.depths)), strict=True))
        lines = [
            json.dumps(
                {
                    "image": str(image.resolve()),
                    "depth": str(depth.resolve()),
                    "scale": folder.scale,
                    "invalid_values": list(folder.invalid),
                    **({"intrinsics_px": list(folder.intrinsics)} if folder.intrinsics else {}),
                }
            )
            for image, depth in pairs
        ]
        (out / name).mkdir(parents=True, exist_ok=True)
        (out / name / "manifest.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        sys.stdout.write(f"{name}: {len(lines)} pairs\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
