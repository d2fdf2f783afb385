"""What an image looks like, and whether that is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from napari_medseg.app.samples import sample_images
from napari_medseg.errors import WeightsError
from napari_medseg.inference.familiar import NUMBERS, Familiar, bundled_kinds, describe, known_to
from napari_medseg.io import read_image
from napari_medseg.weights import list_weights, resolve_weights

RNG = np.random.default_rng(0)


def smooth(n, base, *, colour=False):
    """Descriptions of pictures that are alike."""
    shape = (48, 40, 3) if colour else (48, 40)
    return np.stack([describe(np.clip(RNG.normal(base, 0.02, shape), 0, 1).astype(np.float32)) for _ in range(n)])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 700), st.integers(1, 90), st.sampled_from(["uint8", "uint16", "float32", "bool"]), st.booleans())
def test_any_image_is_described_by_finite_numbers(height, width, dtype, colour):
    data = (np.random.default_rng(1).random((height, width, 3) if colour else (height, width)) * 255).astype(dtype)
    found = describe(data)
    assert found.shape == (NUMBERS,)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_size_hardly_matters_and_colour_does():
    small = read_image(next(s for s in sample_images() if s.task == "dermoscopy").image).data
    large = np.repeat(np.repeat(small, 3, axis=0), 3, axis=1)
    # detail at the finest scale may differ a little
    np.testing.assert_allclose(describe(small), describe(large), atol=0.1)
    assert np.abs(describe(small) - describe(np.repeat(small.mean(axis=-1, keepdims=True), 3, axis=-1))).max() > 0.9


def test_what_was_seen_is_near_and_another_kind_is_far():
    known = Familiar.fit({"dark": smooth(40, 0.2), "bright": smooth(40, 0.8)}, {"dark": smooth(20, 0.2)})
    assert all(known.far(one)["dark"] <= 1 < known.far(one)["bright"] for one in smooth(10, 0.2))
    assert all(known.far(one)["dark"] > 1 for one in smooth(10, 0.2, colour=True))


def test_too_few_images_say_nothing():
    assert Familiar.fit({"few": smooth(19, 0.5)}, {}).far(smooth(1, 0.5)[0]) == {}


def test_what_is_learned_later_is_known_beside_what_was():
    known = Familiar.fit({"skin": smooth(40, 0.2)}, {})
    grown = known.grown("skin", smooth(25, 0.7), smooth(1, 0.7)[:0])
    assert known.far(smooth(1, 0.7)[0])["skin"] > 1
    assert grown.far(smooth(1, 0.7)[0])["skin"] <= 1
    assert grown.far(smooth(1, 0.2)[0])["skin"] <= 1


def test_it_travels_in_a_file_and_what_is_no_such_thing_is_passed_over(tmp_path):
    known = Familiar.fit({"a b/c": smooth(30, 0.4)}, {})
    tensors = {name: torch.from_numpy(values) for name, values in known.tensors().items()}
    wrong = {"beside.looks.x": torch.zeros(4, 5), "beside.looks.y": torch.full((9, NUMBERS), float("nan"))}
    save_file({**tensors, **wrong, "layer.weight": torch.zeros(1)}, tmp_path / "w.safetensors")
    read = Familiar.read(tmp_path / "w.safetensors")
    assert set(read.references) == {"a b/c"}
    one = smooth(1, 0.4)[0]
    assert read.far(one)["a b/c"] == pytest.approx(known.far(one)["a b/c"], rel=0.05)
    (tmp_path / "no.safetensors").write_bytes(b"x")
    with pytest.raises(WeightsError, match="no safetensors file"):
        Familiar.read(tmp_path / "no.safetensors")


@pytest.mark.parametrize(
    "sample", [s for s in sample_images() if s.task in bundled_kinds().references], ids=lambda s: s.name
)
def test_the_bundled_kinds_know_the_samples_and_tell_them_apart(sample):
    far = bundled_kinds().far(describe(read_image(sample.image).data))
    near = {kind for kind, ratio in far.items() if ratio <= 1}
    # of a set that nothing was trained on: never taken for another kind
    assert near == {sample.task} or (sample.source.startswith("breast_lesions") and near <= {sample.task})


def test_every_task_of_bundled_weights_for_images_has_its_kind():
    for entry in list_weights():
        if len(entry.input_size) == 2:
            known = known_to(*resolve_weights(entry.network, entry.id))
            assert set(known.references) == set(entry.tasks) & set(bundled_kinds().references)
            assert known.references, entry.id
