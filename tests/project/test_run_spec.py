"""A run's file of any origin: a spec, or a sentence that names the field."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.project.run_spec import GROUPS, Budget, Data, Pair, RunSpec, Schedule, Stage
from napari_medseg.weights import WeightsEntry, entry

SPEC = RunSpec(network="cmunext-xxs", task="nuclei", data=Data(train=(Pair(name="a", image="a.png", mask="m.png"),)))


def changed(**values):
    return json.dumps({**json.loads(SPEC.to_json()), **values})


PAIR = {"name": "a", "image": "a.png", "mask": "m.png"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("batch_size", value) for value in ("\u202e", 0, -1, 1.5, True, None, 10**400, [])],
        *[("accumulate", value) for value in ("1", 0)],
        *[("stages", value) for value in ([], [{}], [{"size": 0, "epochs": 1}], [{"size": 64, "epochs": 0}], 7, [[]])],
        *[("stages", [{"size": size, "epochs": 1}]) for size in ("a", 10**6, [64], [64, 64, -1], True, None)],
        *[("train", value) for value in ([7], [{"name": "a"}], [{**PAIR, "weight": "x"}], [{**PAIR, "odd": 1}], "abc")],
        ("train", [{**PAIR, "weight": -1}]),
        ("train", [{**PAIR, "image": "a\x00b"}]),
        *[("spacing", value) for value in ([1, 1], [0, 1, 1], [1, 1, 10**400], "abc")],
        *[("classes", value) for value in ([], [1], "abc", ["a"] * 300)],
        *[("seed", value) for value in (-1, "x", 2**70)],
        *[("device", value) for value in (7, None)],
        *[("keep_share", value) for value in (2, -0.1, float("nan"))],
        *[("epoch_images", value) for value in (0, "x")],
        *[("options", value) for value in ([], "x", 7)],
        *[("augment", value) for value in (1, "yes")],
        ("nice", 99),
        ("learning_rate", float("inf")),
        ("window", [2, 1]),
    ],
)
def test_a_field_that_cannot_be_what_it_is_is_named(field, value):
    with pytest.raises(InputError, match=f"'{field}' in here is .*; expected .*Write it again with medseg"):
        RunSpec.from_json(changed(**{field: value}), where="here")


def test_the_file_as_a_whole(tmp_path):
    path = tmp_path / "spec.json"
    for blob, says in (
        (b"\xff", "byte 0 is no UTF-8"),
        (b"[]", "is list; expected an object"),
        (b"[" * 100_000, "without end"),
        (changed(odd=1).encode(), "unknown field 'odd'"),
        (changed(train=[]).encode(), "has no training pairs"),
        (b"{}", "'network' in .* is None; expected text"),
    ):
        path.write_bytes(blob)
        with pytest.raises(InputError, match=says):
            RunSpec.read(path)
    with pytest.raises(ImageReadError, match="cannot be read"):
        RunSpec.read(tmp_path / "gone.json")
    path.write_text(SPEC.to_json())
    assert RunSpec.read(path) == SPEC


@settings(max_examples=300)
@given(st.data())
def test_any_flipped_bit_is_a_spec_or_a_sentence(data):
    blob = bytearray(SPEC.to_json().encode())
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        RunSpec.from_json(bytes(blob)).to_json()
    except InputError as error:
        assert len(str(error)) < 500


# as a version of November 2026 wrote it, and one of the first; the hashes are those that it put into checkpoints
OLD = {
    "e376e92d112550c649f1be458051beb0dbfa1bc418043c5850db3ae5719e2e90": """{
     "accumulate": 2, "augment": true, "augmentation": "volume", "average": 0.998, "batch_size": 4,
     "choose_best": false, "classes": ["anterior", "posterior"], "clock": true, "device": "cuda", "encoder_rate": 0.3,
     "epoch_images": 43, "fit_budget": true, "freeze_norm": true, "ignore": 255, "keep_from": "cmunext-xxs/nuclei@1",
     "keep_share": 0.25, "labels": [3, 7], "learning_rate": 0.001, "licence": "research-only",
     "mapping": [[100, 120, 3]], "network": "lgms-net-3d", "nice": 5,
     "options": {"kernels": [3, 3, 3, 3], "lms": false}, "patience": 20, "pipeline": "bgr255", "precision": "bf16",
     "pretrained": "/files/res2net50.pth", "schedule": "onecycle", "seed": 41, "spacing": [1.0, 1.0, 2.5],
     "stages": [{"epochs": 60, "size": 128}, {"epochs": 20, "size": [32, 64, 32]}],
     "start_from": "lgms-net-3d/hippocampus@2", "task": "hippocampus", "time_budget_minutes": 90.0,
     "train": [
      {"focus": "masks/1-r1-rim.png", "group": "p1", "image": "a.nii.gz", "mask": "masks/1-r1.nii.gz", "name": "a",
       "weight": 2.0, "white": false},
      {"focus": "", "group": "", "image": "/s/b.png", "mask": "/s/bm.png", "name": "anchor b", "weight": 1.0,
       "white": true}
     ],
     "trained_on": ["msd", "2 corrections"],
     "val": [
      {"focus": "", "group": "p2", "image": "c.nii.gz", "mask": "masks/2-r1.nii.gz", "name": "c", "weight": 1.0,
       "white": false}
     ],
     "validate_every": 4, "version": 3, "window": [-175.0, 250.0]
    }""",
    "9742e66f23c373a42938dc4f6ae3df919bbef987c6b4579bcf651892971c4dd7": """{
     "augment": true, "batch_size": 8, "classes": ["foreground"], "device": "auto", "learning_rate": null,
     "licence": "local", "network": "cmunext-xxs", "nice": 0, "seed": 0, "stages": [{"epochs": 300, "size": 256}],
     "start_from": null, "task": "nuclei", "time_budget_minutes": null,
     "train": [{"group": "", "image": "a.png", "mask": "m.png", "name": "a"}], "trained_on": [], "val": [],
     "validate_every": 1, "version": 1
    }""",
}


@pytest.mark.parametrize("known", OLD)
def test_a_run_of_an_earlier_version_is_read_and_its_checkpoint_fits(known):
    spec = RunSpec.from_json(OLD[known])
    assert spec.fingerprint() == known
    written, old = json.loads(spec.to_json()), json.loads(OLD[known])
    # and an earlier version reads what this one writes: the same names, in one object
    assert {key: written[key] for key in old if key != "train"} == {key: old[key] for key in old if key != "train"}
    assert [{**new, **pair} for new, pair in zip(written["train"], old["train"], strict=True)] == written["train"]
    assert RunSpec.from_json(spec.to_json()) == spec


def every_field():
    return [(name, one) for name, kind in GROUPS.items() for one in fields(kind)]


def test_a_run_goes_on_with_more_time_and_elsewhere_and_with_nothing_else():
    free = {"time_budget_minutes": 7.0, "device": "cuda", "nice": 3}
    assert {one.name for _, one in every_field() if one.metadata["free"]} == set(free)
    assert RunSpec.from_json(changed(**free)).fingerprint() == SPEC.fingerprint()
    others = {"batch_size": 3, "schedule": "poly", "seed": 1, "classes": ["b"], "clock": True, "version": 2}
    for key, value in others.items():
        found = RunSpec.from_json(changed(**{key: value, "time_budget_minutes": 7.0}))
        assert found.fingerprint() != SPEC.fingerprint(), key


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Schedule(batch_size=0), "'batch_size' in the run is 0; expected a whole number .* Correct it"),
        (lambda: replace(SPEC.schedule, curve=7), "'schedule' in the run is 7"),
        (lambda: Stage(size=0, epochs=1), "'size' in the run is 0; expected 1 to 4096 px"),
        (lambda: Pair(name="a", image="a", mask="m", weight=-1), "'weight' in the run is -1"),
        (lambda: Data(train=()), "the run has no training pairs; expected at least one"),
        (lambda: replace(SPEC.data, labels=(2, 2)), "labels in the run: 1 class"),
        (lambda: replace(SPEC.data, train="abc"), "'train' in the run is 'abc'"),
        (lambda: Budget(clock=True), "clock in the run is true without time_budget_minutes"),
        (lambda: replace(SPEC, network=None), "'network' in the run is None; expected text"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_made(make, says):
    with pytest.raises(InputError, match=says):
        make()


def test_lists_are_kept_as_what_cannot_change():
    data = Data(train=[{"name": "a", "image": "a", "mask": "m"}], mapping=[[3, 3, 1]], spacing=[1, 1, 2])
    assert data.train == (Pair(name="a", image="a", mask="m"),)
    assert (data.mapping, data.spacing, data.labels) == (((3, 3, 1),), (1, 1, 2), (1,))


def test_no_field_goes_in_unlooked_at_and_each_has_a_name_of_its_own():
    """What a new field holds is computed with, allocated or waited for; the file is one object."""
    told = [*every_field(), *((kind.__name__, one) for kind in (Pair, Stage) for one in fields(kind))]
    assert [(name, one.name) for name, one in told if "check" not in one.metadata] == []
    keys = [*json.loads(SPEC.to_json())]
    assert len(keys) == 2 + len(every_field())
    assert {one.name for one in fields(RunSpec) if not one.metadata} == set(GROUPS)
    assert set(entry._FIELDS) == {one.name for one in fields(WeightsEntry)}


def test_earlier_versions_read_pairs_unless_one_says_what_they_do_not_know():
    pair = Pair(name="a", image="a.png", mask="m.png")
    keys = {"name", "image", "mask", "group", "weight", "focus", "white"}
    for own, more in ((False, set()), (True, {"as_proposed"})):
        spec = replace(SPEC, data=replace(SPEC.data, val=(replace(pair, as_proposed=own),)))
        (written,) = json.loads(spec.to_json())["val"]
        assert set(written) == keys | more
        assert RunSpec.from_json(spec.to_json()) == spec
