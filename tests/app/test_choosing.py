"""What is proposed with where a person chose, and where nobody did."""

import pytest

from napari_medseg.app.choosing import best_for, for_boxes, offered, ranked, tasks_of
from napari_medseg.app.kinds import takes
from napari_medseg.app.samples import sample_images
from napari_medseg.io import read_image
from napari_medseg.networks import get_spec
from napari_medseg.weights import WeightsEntry, list_weights
from tests.shipped import shipped

ALL = [(entry.id, entry) for entry in list_weights()]
FLAT = [(entry.id, entry) for entry in list_weights() if takes(entry.network, volume=False)]


def test_nothing_is_guessed_where_nobody_knows_what_is_on_the_image():
    assert best_for(FLAT) is None
    assert best_for(FLAT, "knees") is None
    assert best_for([], "nuclei") is None


@pytest.mark.parametrize("sample", sample_images(), ids=lambda sample: sample.name)
def test_an_image_of_a_known_kind_says_it_itself_and_a_person_is_not_overruled(sample):
    image = read_image(sample.image).data
    found = best_for(FLAT, image=image)
    # stained nuclei are none of the kinds that the bundled weights know
    assert found is None or sample.task in found[1].tasks
    assert "polyp" in best_for(FLAT, "polyp", image)[1].tasks


def test_what_is_on_a_volume_is_asked_though_one_network_was_made_for_volumes():
    volumes = offered(ALL, volume=True)
    assert best_for(volumes, volume=True) is None
    assert best_for(volumes, "dermoscopy", volume=True) is None
    assert best_for(volumes, "hippocampus", volume=True)[1].network == "lgms-net-3d"
    assert best_for(volumes, "brain-mri", volume=True)[1].network == "sgd-net-s"
    # where there is one answer, nobody is asked
    own = WeightsEntry(id="lgms-net-3d/knees@1", network="lgms-net-3d", task="knees")
    assert best_for([("own", own)], volume=True)[1] is own


def test_on_volumes_those_tasks_are_offered_whose_images_are_slices():
    assert tasks_of(ALL, volume=True) == ["brain-mri", "hippocampus", "kidney-stones", "nuclei"]
    assert "hippocampus" not in tasks_of(ALL) and "dermoscopy" in tasks_of(ALL)
    assert not any(entry.task in ("dermoscopy", "polyp") for _, entry in offered(ALL, volume=True))
    own = WeightsEntry(id="cmunext-xxs/knees@1", network="cmunext-xxs", task="knees")
    # what a person's own task is, only they know
    assert tasks_of([("own", own)], volume=True) == ["knees"]


def test_ones_own_come_first_then_the_most_accurate():
    own = WeightsEntry(id="cmunext-xxs/nuclei@7", network="cmunext-xxs", task="nuclei", metrics={"dice": 0.1})
    rows = ranked([*FLAT, ("/p/weights/own.safetensors", own)], "nuclei")
    assert rows[0][1] is own
    scores = [round(entry.dice_on("nuclei"), 2) for _, entry in rows[1:]]
    assert scores == sorted(scores, reverse=True)


def test_of_networks_that_are_level_to_the_hundredth_the_larger_one_comes_first():
    """CMUNeXt-XXS has 0.9117 on nuclei, SGD-Net (small) 0.9109, and twice as much on stains that neither chose."""
    level = [
        (name, WeightsEntry(id=name, network=name.partition("/")[0], task="nuclei", metrics={"dice": dice}))
        for name, dice in (("cmunext-xxs/a@1", 0.9117), ("sgd-net-s/b@1", 0.9109), ("cmunext-xxs/c@1", 0.92))
    ]
    assert [name for name, _ in ranked(level, "nuclei")] == ["cmunext-xxs/c@1", "sgd-net-s/b@1", "cmunext-xxs/a@1"]
    # of one network, the more accurate; among what ships the one that knows stained ones, too
    assert ranked(FLAT, "nuclei")[0][1].task == "stained-nuclei"


def test_ones_own_that_were_measured_worse_come_last_and_are_not_taken_unasked():
    own = WeightsEntry(id="cmunext-xxs/nuclei@7", network="cmunext-xxs", task="nuclei", metrics={"dice": 0.99})
    known = [("/p/weights/own.safetensors", own), *FLAT]
    assert ranked(known, "nuclei", {"/p/weights/own.safetensors"})[-1][1] is own
    assert best_for(known, "nuclei")[1] is own
    assert best_for(known, "nuclei", worse={"/p/weights/own.safetensors"})[1] is not own


def test_boxes_are_filled_by_the_chosen_network_where_it_can_else_by_the_best():
    network = for_boxes(FLAT, shipped("cmunext-xxs/nuclei"), "nuclei")[1].network
    assert get_spec(network).capabilities.box_prompt
    assert for_boxes(FLAT, "", "knees")[1].network == network
    own = WeightsEntry(id="dcsnet-s/test@1", network="dcsnet-s", task="test")
    assert for_boxes([*FLAT, ("own", own)], "own", "nuclei")[0] == "own"
    assert for_boxes([one for one in FLAT if one[1].network == "lgms-net"], "", "nuclei") is None
