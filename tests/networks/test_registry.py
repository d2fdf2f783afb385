"""A network is one file and one line: what was forgotten beside them is told here."""

import importlib
import pkgutil
from pathlib import Path

import pytest
import torch
from torch import nn

from napari_medseg import networks
from napari_medseg.networks import NetworkSpec, get_spec, list_networks
from napari_medseg.networks.registry import SPECS
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
