"""Names that scripts of users and checks from outside import: they may move, and stay to be had where they were."""

import importlib

import pytest

ASKED_FOR = {
    "napari_medseg.app.export": ("export_project",),
    "napari_medseg.app.images": ("add_images",),
    "napari_medseg.app.masks": ("add_with_masks",),
    "napari_medseg.app.predict": ("PredictRequest", "predict_array", "predict_files"),
    "napari_medseg.app.train": ("RetrainOptions", "plan_retrain"),
    "napari_medseg.cli.output": ("print_table",),
    "napari_medseg.errors": ("MedsegError",),
    "napari_medseg.inference": ("Predictor",),
    "napari_medseg.io": ("list_images", "match_masks", "read_image", "read_mask", "write_mask"),
    "napari_medseg.networks": ("create_network", "get_spec", "list_networks"),
    "napari_medseg.project": ("Project",),
    "napari_medseg.project.runs": ("Pair", "RunSpec", "Stage"),
    "src_train.dataset": ("load_pair", "resize_mask"),
}


@pytest.mark.parametrize("module", ASKED_FOR)
def test_it_is_there(module):
    found = importlib.import_module(module)
    assert all(hasattr(found, name) for name in ASKED_FOR[module])


def test_a_run_tells_its_pairs_and_classes_at_the_top():
    from napari_medseg.project.run_spec import Data
    from napari_medseg.project.runs import Pair, RunSpec

    pair = Pair(name="a", image="i.png", mask="m.png")
    spec = RunSpec(network="cmunext-xxs", task="t", data=Data(train=(pair,), classes=("cup",), labels=(3,)))
    assert (spec.train, spec.val, spec.classes, spec.labels) == ((pair,), (), ("cup",), (3,))
