"""What a step minimises, as the network's recipe says."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from napari_medseg.networks import Recipe
from src_train.losses import build_loss
from src_train.roi_losses import build_roi_loss
from src_train.targets import boxes_of

Objective = Callable[[nn.Module, Tensor, Tensor, float], Tensor]


def build_objective(recipe: Recipe, *, void: bool = False) -> Objective:
    """Losses on whole maps, or in the boxes around the parts of the masks.

    Parameters
    ----------
    recipe : Recipe
    void : bool
        Targets may hold pixels that do not count.

    Returns
    -------
    callable
        (network in training, images, targets (B, 1 or 2, *spatial) integer, share of the epochs done) -> scalar.

    Raises
    ------
    KeyError
        If the recipe names a loss that is unknown.
    """
    if recipe.boxes is None:
        on_maps = build_loss(recipe, void=void)
        return lambda network, images, targets, done: on_maps(network(images), targets)
    in_boxes = build_roi_loss(recipe)

    def objective(network: nn.Module, images: Tensor, targets: Tensor, done: float) -> Tensor:
        masks = targets[:, :1]
        truth = [boxes_of(mask).to(images.device) for mask in masks]
        return in_boxes(network(images, truth=truth), masks, done)

    return objective
