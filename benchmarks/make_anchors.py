"""The anchors that ship: ``python benchmarks/make_anchors.py DATA``. Every so-many-th training image of the sets whose
licence lets their pictures be passed on, in the same order on every computer.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image
from train_bundled import read_split

from napari_medseg.app.anchors import folder
from napari_medseg.io import read_image, read_mask
from napari_medseg.project.run_spec import Pair

# task: set, how many, longest side, px
SETS = {"dermoscopy": ("isic2017", 48, 256), "nuclei": ("dsb2018_nuclei", 64, 256)}


def choose(pairs: list[Pair], target: Path, count: int) -> list[Pair]:
    """Those that are there already and still may be, and evenly from the others as many as are missing.

    An image that turned out to be the twin of a val or test image left its training part: its anchor goes.
    """

    def there(pair: Pair) -> bool:
        return (target / f"{pair.name.rpartition('/')[2]}.jpg").is_file()

    kept = [pair for pair in pairs if there(pair)][:count]
    others, missing = [pair for pair in pairs if not there(pair)], count - len(kept)
    chosen = [*kept, *(others[:: max(1, len(others) // missing)][:missing] if missing else [])]
    stems = {pair.name.rpartition("/")[2] for pair in chosen}
    for path in [*target.glob("*.jpg"), *target.glob("*_mask.png")]:
        if path.stem.removesuffix("_mask") not in stems:
            path.unlink()
    return sorted(chosen, key=lambda pair: pair.name)


def main() -> None:
    """Write images as JPEG and masks as PNG, and a list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    for task, (name, count, side) in SETS.items():
        target = folder() / task
        target.mkdir(parents=True, exist_ok=True)
        pairs = read_split(data, name, "train")
        chosen = choose(pairs, target, count)
        for pair in chosen:
            image, mask = read_image(pair.image).data, read_mask(pair.mask) > 0
            image = image if image.ndim == 3 else np.stack([image] * 3, axis=-1)
            share = min(1.0, side / max(mask.shape))
            size = (round(mask.shape[1] * share), round(mask.shape[0] * share))
            stem = pair.name.rpartition("/")[2]
            if (target / f"{stem}.jpg").exists():
                continue
            picture = Image.fromarray(image[..., :3].astype(np.uint8)).resize(size, Image.Resampling.LANCZOS)
            picture.save(target / f"{stem}.jpg", quality=92)
            Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST).save(
                target / f"{stem}_mask.png", optimize=True
            )
        facts = {"task": task, "set": name, "licence": "CC0", "images": [p.name.rpartition("/")[2] for p in chosen]}
        (target / "anchors.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        print(task, len(chosen), sum(f.stat().st_size for f in target.iterdir()) // 1024, "kB")


if __name__ == "__main__":
    main()
