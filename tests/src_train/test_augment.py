"""Batches are changed in pairs, by their seeds alone."""

import numpy as np
import pytest
import torch

from napari_medseg.errors import UnknownNameError
from src_train.augment import AUGMENTATIONS, Augmentation, Plan

IMAGES = [name for name in AUGMENTATIONS if name != "volume"]


def discs(n: int, *sides: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Bright discs (balls) on dark ground, a little beside the middle, and their masks."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.arange(s) for s in sides), indexing="ij")
    masks = []
    for _ in range(n):
        centre = [rng.integers(s // 3, 2 * s // 3) for s in sides]
        masks.append(sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) < (min(sides) / 5) ** 2)
    mask = torch.from_numpy(np.stack(masks))[:, None]
    channels = 3 if len(sides) == 2 else 1
    return (0.2 + 0.6 * mask.float()).repeat(1, channels, *(1,) * len(sides)), mask.to(torch.uint8)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_mask_goes_where_the_image_goes(name):
    images, masks = discs(24, 48, 64) if name != "volume" else discs(12, 16, 32, 24)
    found, moved = Augmentation(name)(images, masks, range(len(images)))
    assert (found.shape, found.dtype, moved.shape, moved.dtype) == (
        images.shape,
        images.dtype,
        masks.shape,
        masks.dtype,
    )
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    assert set(moved.unique().tolist()) == {0, 1}
    for image, mask in zip(found, moved, strict=True):
        inside, grey = mask[0] > 0, image.mean(dim=0)
        assert float(grey[inside].mean()) > float(grey[~inside].mean()) + 0.15
        # halfway between the two greys lies the mask's rim, but for noise and a pixel of interpolation
        guess = grey > (grey[inside].mean() + grey[~inside].mean()) / 2
        assert float((guess & inside).sum() * 2 / (guess.sum() + inside.sum())) > 0.85


@pytest.mark.parametrize("name", ["full", "strong", "detected"])
def test_a_sample_is_changed_by_its_seed_alone(name):
    images, masks = discs(6, 32, 32)
    augment = Augmentation(name)
    whole = augment(images.clone(), masks, [5, 6, 7, 8, 9, 10])
    part = augment(images[3:5].clone(), masks[3:5], [8, 9])
    torch.testing.assert_close(part[0], whole[0][3:5])
    assert torch.equal(part[1], whole[1][3:5])
    other = augment(images.clone(), masks, [50, 60, 70, 80, 90, 100])
    assert not torch.equal(other[0], whole[0])


def test_turned_knows_the_eight_symmetries_and_nothing_else():
    x = torch.rand(64, 3, 20, 20)
    masks = (x[:, :1] > 0.5).to(torch.uint8)
    found, moved = Augmentation("turned")(x, masks, range(64))
    seen = set()
    for i in range(64):
        for turns in range(4):
            for mirrored in (False, True):
                image, mask = (torch.rot90(t, turns, (1, 2)) for t in (x[i], masks[i]))
                image, mask = (t.flip(2) if mirrored else t for t in (image, mask))
                if torch.allclose(image, found[i], atol=1e-4):
                    seen.add((turns, mirrored))
                    assert torch.equal(mask, moved[i])
                    break
            else:
                continue
            break
        else:
            pytest.fail("neither turned nor mirrored")
    assert len(seen) == 8


def test_a_turn_in_an_oblong_window_stays_a_turn():
    """In shares of the sides a disc would become an ellipse."""
    images, masks = discs(16, 32, 96)
    _, moved = Augmentation("tilted")(images, masks, range(16))
    for before, after in zip(masks, moved, strict=True):
        ys, xs = torch.nonzero(after[0], as_tuple=True)
        assert abs(int(ys.max() - ys.min()) - int(xs.max() - xs.min())) <= 2
        assert int(after.sum()) == pytest.approx(int(before.sum()), rel=0.15)


def test_in_a_volume_only_left_and_right_are_exchanged():
    x = torch.zeros(40, 1, 8, 8, 8)
    x[:, :, 1, :, 1] = 1.0  # low in z and x
    plan = Augmentation("volume").plan
    assert plan.flips == (0.0, 0.0, 0.5)
    still = Augmentation("turned")
    still.plan = type(plan)(flips=plan.flips)
    found, _ = still(x, (x > 0).to(torch.uint8), range(40))
    places = {(int(z), int(x_)) for volume in found for z, _, x_ in torch.nonzero(volume[0] > 0.5)}
    assert places == {(1, 1), (1, 6)}


def test_an_unknown_one_is_named():
    with pytest.raises(UnknownNameError, match="augmentation is 'wild'; expected one of: full, strong"):
        Augmentation("wild")


@pytest.mark.parametrize("sides", [(64, 64), (48, 96)])
def test_a_view_is_a_part_at_the_images_own_scale_anywhere_in_it(monkeypatch, sides):
    monkeypatch.setitem(AUGMENTATIONS, "none", Plan())
    y, x = torch.meshgrid(*map(torch.arange, sides), indexing="ij")
    place = torch.stack([y / 100, x / 100, torch.zeros_like(y)])[None].repeat(40, 1, 1, 1)
    found, masks = Augmentation("none", view=32)(place, (x > 40).to(torch.uint8).repeat(40, 1, 1, 1), range(40))
    assert found.shape == (40, 3, 32, 32)
    down, right = found[:, 0] * 100, found[:, 1] * 100
    torch.testing.assert_close(down.diff(dim=1), torch.ones(40, 31, 32), atol=1e-3, rtol=0)
    torch.testing.assert_close(right.diff(dim=2), torch.ones(40, 32, 31), atol=1e-3, rtol=0)
    for first, side in ((down[:, 0, 0], sides[0]), (right[:, 0, 0], sides[1])):
        assert -0.6 < float(first.min()) < 0.2 * (side - 32)
        assert 0.8 * (side - 32) < float(first.max()) < side - 31.4
    # the mask lies on it
    clear = (right - 40.5).abs() > 0.6
    assert torch.equal((masks[:, 0] > 0)[clear], (right > 40.5)[clear])


def test_detected_changes_all_that_dcsnets_loader_changes_as_often():
    """Chances and spans of the published loader; each is seen in what comes out."""
    plan = AUGMENTATIONS["detected"]
    spans = (0.85, 1.15)
    assert plan == Plan(
        flips=(0.3, 0.5), quarter=0.3, affine=0.4, turn=np.radians(15), shift=0.05, zoom=(0.9, 1.1), warp=(0.2, 0.03),
        brightness=(0.4, *spans), contrast=(0.4, *spans), gamma=(0.2, 0.8, 1.2), noise=(0.2, 0.02), blur=0.2,
    )  # fmt: skip
    x = torch.rand(400, 3, 16, 16) * 0.6 + 0.2
    masks = (x[:, :1] > 0.5).to(torch.uint8)
    for name, chance in (
        ("affine", 0.4), ("warp", 0.2), ("brightness", 0.4), ("contrast", 0.4),
        ("gamma", 0.2), ("noise", 0.2), ("blur", 0.2),
    ):  # fmt: skip
        alone = {name: getattr(plan, name)}
        if name == "affine":
            alone |= {part: getattr(plan, part) for part in ("turn", "shift", "zoom")}
        augment = Augmentation("detected")
        augment.plan = Plan(**alone)
        found, _ = augment(x.clone(), masks, range(400))
        changed = ((found - x).abs().amax(dim=(1, 2, 3)) > 1e-3).float().mean()
        assert float(changed) == pytest.approx(chance, abs=0.07), name


def test_an_axis_is_mirrored_as_often_as_the_plan_says():
    x = torch.rand(600, 1, 8, 8)
    augment = Augmentation("turned")
    augment.plan = Plan(flips=(0.3, 0.0))
    found, _ = augment(x.clone(), (x > 0.5).to(torch.uint8), range(600))
    mirrored = [torch.allclose(a, b.flip(1), atol=1e-4) for a, b in zip(found, x, strict=True)]
    still = [torch.allclose(a, b, atol=1e-4) for a, b in zip(found, x, strict=True)]
    assert np.mean(mirrored) == pytest.approx(0.3, abs=0.06)
    assert all(a != b for a, b in zip(mirrored, still, strict=True))
