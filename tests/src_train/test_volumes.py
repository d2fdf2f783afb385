"""Volumes train in windows."""

from pathlib import Path

import numpy as np

from napari_medseg.networks import InputSpec
from napari_medseg.project.run_spec import Pair, RunSpec, Stage
from src_train.dataset import load_pair
from src_train.trainer import Trainer
from src_train.volumes import TrainingVolumes
from tests.src_train.helpers import make_run


def volumes(folder: Path, n: int) -> tuple[Pair, ...]:
    """Bright balls in noise, of two classes by their side."""
    import nibabel

    rng = np.random.default_rng(2)
    folder.mkdir(parents=True, exist_ok=True)
    pairs = []
    for i in range(n):
        z, y, x = np.mgrid[:20, :36, :30]
        mask = ((z - 10) ** 2 + (y - rng.integers(10, 26)) ** 2 + (x - 15) ** 2 < 40) * (1 + (x > 15))
        data = rng.normal(50, 5, mask.shape) + 60 * (mask > 0)
        for name, array in (("i", data.astype(np.float32)), ("m", mask.astype(np.uint8))):
            nibabel.Nifti1Image(array.transpose(), np.diag((2.0, 1, 1, 1))).to_filename(folder / f"{name}{i}.nii.gz")
        pairs.append(Pair(name=f"ball {i}", image=f"i{i}.nii.gz", mask=f"m{i}.nii.gz"))
    return tuple(pairs)


def test_volumes_train_in_windows(tmp_path):
    pairs = volumes(tmp_path, 2)
    spec = make_run(
        tmp_path,
        network="lgms-net-3d",
        train=pairs,
        val=pairs[:1],
        stages=(Stage(size=(32, 32, 32), epochs=1),),
        batch_size=1,
        augmentation="volume",
        classes=("left", "right"),
        spacing=(1.0, 1.0, 2.0),
        validate_every=1,
    )
    assert RunSpec.from_json(spec.to_json()) == spec
    entry = Trainer(spec, tmp_path).run()
    assert entry.input_size == (32, 32, 32)
    assert entry.spacing == (1.0, 1.0, 2.0)
    assert entry.output_channels == 3
    assert 0 <= entry.metrics["dice"] <= 1


def test_a_window_holds_what_the_volume_holds_there(tmp_path):
    sample = load_pair(volumes(tmp_path, 1)[0], tmp_path, classes={1: "a", 2: "b"})
    data = TrainingVolumes(
        [sample],
        sides=(16, 48, 16),
        classes=2,
        augmentation=None,
        input=InputSpec(ndim=3, channels=1, mean=0.0, std=1.0),
        spacing=(1.0, 1.0, 1.0),
        window=None,
    )
    windows = list(zip(*data.batch([(0, seed) for seed in range(40)]), strict=True))
    assert {tuple(image.shape) for image, _ in windows} == {(1, 16, 48, 16)}
    assert all(
        float(image[mask > 0].mean()) > float(image[mask == 0].mean()) + 0.3 for image, mask in windows if mask.any()
    )
    # half of them lie around a voxel of the ball, most others do not
    assert sum(bool(mask.any()) for _, mask in windows) >= 20
    assert any(set(mask.unique().tolist()) == {0, 1, 2} for _, mask in windows)
