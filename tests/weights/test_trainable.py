"""How many classes a network can learn is said by its declaration."""

from dataclasses import replace

import pytest

from napari_medseg.errors import InputError
from napari_medseg.networks import Capabilities, get_spec, list_networks
from napari_medseg.weights.trainable import check_classes

CLASSES = {1: "a", 2: "b", 7: "c"}


@pytest.mark.parametrize("most", [1, 2, 3, None])
def test_a_network_learns_as_many_classes_as_it_declares(monkeypatch, most):
    spec = replace(get_spec("cmunext-xxs"), capabilities=Capabilities(most_classes=most))
    monkeypatch.setattr("napari_medseg.networks.registry.SPECS", (spec,))
    for count in (1, 2, 3):
        classes = dict(list(CLASSES.items())[:count])
        if most is None or count <= most:
            check_classes("cmunext-xxs", classes)
            continue
        words = "one class" if most == 1 else "2 classes"
        with pytest.raises(InputError, match=rf"the classes are 1 'a'.*, and cmunext-xxs tells {words} from"):
            check_classes("cmunext-xxs", classes)


@pytest.mark.parametrize("name", list_networks())
def test_whoever_learns_by_boxes_says_that_it_tells_one_class(name):
    spec = get_spec(name)
    if spec.recipe.boxes is None:
        check_classes(name, CLASSES, ignore=255)
        return
    # its losses know of the foreground only
    assert spec.capabilities.most_classes == 1
    with pytest.raises(InputError, match="255 is to be ignored"):
        check_classes(name, {1: "a"}, ignore=255)
