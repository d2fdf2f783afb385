"""A network is one file and one line: what was forgotten beside them is told here."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from napari_medseg import networks
from napari_medseg.errors import InputError
from napari_medseg.networks import NetworkSpec, check_options, get_spec, list_networks
from napari_medseg.networks.registry import SPECS, options_of
from src_train.augment import Augmentation
from src_train.objective import build_objective
from src_train.optim import build_optimizer, learning_rate_at

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "networks.md"


def test_every_declaration_is_in_the_registry():
    found = []
    for module in pkgutil.walk_packages(networks.__path__, networks.__name__ + "."):
        declared = getattr(importlib.import_module(module.name), "SPECS", ())
        if module.name != "napari_medseg.networks.registry":
            found += [spec.name for spec in declared if isinstance(spec, NetworkSpec)]
    assert sorted(found) == sorted(list_networks()), "a line in registry.py"
    assert len({spec.name for spec in SPECS}) == len(SPECS)


@pytest.mark.parametrize("name", list_networks())
def test_it_stands_in_the_documents(name):
    assert f"`{name}`" in DOCS.read_text(encoding="utf-8"), f"a row in {DOCS.name}"


@pytest.mark.parametrize("name", list_networks())
def test_what_its_declaration_names_is_known(name):
    spec = get_spec(name)
    recipe = spec.recipe
    assert spec.capabilities.volumes == (spec.input.ndim == 3)
    assert len(spec.input.size) == spec.input.ndim
    assert all(side % spec.input.multiple == 0 for side in spec.input.size)
    assert recipe.monitor in ("dice", "loss")
    build_objective(recipe)
    build_optimizer(nn.Linear(1, 1), recipe, learning_rate=recipe.learning_rate)
    assert learning_rate_at(recipe, start=1.0, epoch=0, epochs=10) > 0
    Augmentation(recipe.augmentation)
    if recipe.boxes is not None:
        # these come from the detector and the head
        assert spec.capabilities.boxes
        shares = [until for until, _, _ in recipe.boxes.steps]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0


def test_a_recipe_in_boxes_gets_what_it_is_taken_from():
    spec = next(spec for spec in SPECS if spec.recipe.boxes is not None and spec.name.endswith("-s"))
    torch.manual_seed(0)
    network = networks.create_network(spec.name)
    masks = torch.zeros(1, 1, 64, 64, dtype=torch.uint8)
    masks[..., 10:30, 10:30] = 1
    loss = build_objective(spec.recipe)(network, torch.randn(1, 3, 64, 64), masks, 0.0)
    loss.backward()
    assert torch.isfinite(loss)


@pytest.mark.parametrize("name", list_networks())
def test_every_declared_option_can_be_given(name):
    spec = get_spec(name)
    check_options(name, {**spec.options, **spec.fresh})
    assert set(spec.options) <= set(options_of(name))


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("sgd-net-s", {"gates": "sum"}, "option of sgd-net-s is 'gates'; expected one of: backbone, planes"),
        ("sgd-net-s", {"gate": "both"}, "sgd-net-s cannot be built with gate=both: gate is 'both'; expected 'sum'"),
        ("sgd-net-s", {"sge": "no"}, "option sge of sgd-net-s is 'no'; expected such a value as True"),
        ("sgd-net-s", {"heads": True}, "option heads of sgd-net-s is True; expected such a value as 4"),
        ("sgd-net-s", {"kernel_size": 4}, "kernel_size is 4 and heads 4; expected an odd side"),
        ("lgms-net", {"kernels": [2, 4, 6, 8]}, "kernels are (2, 4, 6, 8); expected odd sides"),
        ("lgms-net", {"kernels": 3}, "option kernels of lgms-net is 3; expected such a value as (3, 5, 7, 9)"),
        ("lgms-net", {"near": 1.5}, "near is 1.5; expected a share"),
        ("dymas-net", {"branches": "stacked"}, "branches is 'stacked'; expected 'sum' or 'concat'"),
        ("vgg", {"near": 0.5}, "network is 'vgg'"),
    ],
)
def test_an_option_that_makes_no_network_is_named(name, options, says):
    with pytest.raises(InputError, match=re.escape(says)):
        check_options(name, options)
