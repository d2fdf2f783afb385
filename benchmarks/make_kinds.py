"""What the kinds of images look like that the bundled weights know: ``python benchmarks/make_kinds.py DATA``.

Writes ``napari_medseg/inference/kinds.safetensors`` from the train images of each kind, its limit by every second val
image, and prints what the other half says: false alarms within a kind, AUROC and alarms between kinds, and whether the
nearest kind is its own. ``--check`` prints only.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from plans import DOMAINS
from safetensors.numpy import save_file
from train_bundled import read_split

from napari_medseg.atomic import atomic_path
from napari_medseg.inference.familiar import Familiar, bundled_kinds, describe
from napari_medseg.io import read_image

# by the names of tasks; of the last ones nothing is learned
KINDS = {
    "dermoscopy": "dermoscopy", "breast-ultrasound": "breast ultrasound", "thyroid-ultrasound": "thyroid ultrasound",
    "polyp": "polyp", "nuclei": "nuclei", "stained-nuclei": "stained nuclei", "brain-mri": "brain MRI",
    "kidney-stones": "kidney-stone CT",
}  # fmt: skip
FOREIGN = (
    "breast_lesions_usg_mini",
    "bus_bra_mini",
    "brisc2025_mini",
    "ph2",
    "stu_hospital",
    "brain_tumor_cheng",
    "drive",
    "chase_db1",
    "isbi2012_em",
)
MOST_TRAIN, MOST_VAL = 300, 120
OUT = Path(__file__).parent.parent / "napari_medseg" / "inference" / "kinds.safetensors"


def described(data: Path, sets: tuple[str, ...], part: str, most: int) -> np.ndarray:
    """Descriptions (N, 31) of images, evenly from all."""
    pairs = [pair for name in sets for pair in read_split(data, name, part)]
    pairs = pairs[:: max(1, len(pairs) // most)][:most]
    return np.stack([describe(read_image(Path(pair.image)).data) for pair in pairs])


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """How often an image of another kind lies farther away than one of the kind."""
    return float((outside[:, None] > inside[None]).mean() + 0.5 * (outside[:, None] == inside[None]).mean())


def main() -> None:
    """Write and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--check", action="store_true", help="only print")
    options = parser.parse_args()
    val = {kind: described(options.data, DOMAINS[name].sets, "val", MOST_VAL) for kind, name in KINDS.items()}
    if not options.check:
        train = {kind: described(options.data, DOMAINS[name].sets, "train", MOST_TRAIN) for kind, name in KINDS.items()}
        fitted = Familiar.fit(train, {kind: found[::2] for kind, found in val.items()})
        with atomic_path(OUT) as temporary:
            save_file(fitted.tensors(), temporary)
    known = bundled_kinds()
    far = {kind: [known.far(one) for one in found[1::2]] for kind, found in val.items()}
    for kind, rows in far.items():
        inside = np.array([row[kind] for row in rows])
        nearest = np.mean([min(row, key=row.__getitem__) == kind for row in rows])
        text = [f"{kind}: n {len(rows)}, false alarms {np.mean(inside > 1):.3f}, nearest is itself {nearest:.2f};"]
        for other, found in far.items():
            outside = np.array([row[kind] for row in found])
            if other != kind:
                text.append(f"{other} {auroc(inside, outside):.3f}/{np.mean(outside > 1):.2f}")
        print(" ".join(text))
    for name in FOREIGN:
        rows = [known.far(one) for one in described(options.data, (name,), "val", MOST_VAL)]
        lies_by = [min(row, key=row.__getitem__) for row in rows]
        print(f"{name}: n {len(rows)}, none of them {np.mean([min(row.values()) > 1 for row in rows]):.2f},", {
            kind: lies_by.count(kind) for kind in sorted(set(lies_by))
        })  # fmt: skip


if __name__ == "__main__":
    main()
