"""What tests of the panel do again and again."""

from dataclasses import replace

import numpy as np
from napari.layers import Labels
from napari.layers._layer_actions import _duplicate_layer
from napari.utils.notifications import notification_manager

from napari_medseg.app.samples import sample_images
from napari_medseg.io import read_image
from napari_medseg.weights import list_weights

WAIT = 90_000


def choose(panel, task="nuclei"):
    """The small network of a task: quick."""
    small = next(entry.id for entry in list_weights(network="cmunext-xxs") if entry.task == task)
    panel.propose.choice.choose(task, small)
    assert panel.state.weights.startswith(f"cmunext-xxs/{task}@")


def add_sample(panel, **place):
    data = read_image(next(s for s in sample_images() if s.name == "nuclei_1").image).data
    return panel.viewer.add_image(data, name="cells", **place)


def labels_of(panel):
    return [layer for layer in panel.viewer.layers if isinstance(layer, Labels)]


def propose(panel, qtbot):
    panel.propose.run.click()
    qtbot.waitUntil(lambda: panel.propose.run.isEnabled(), timeout=WAIT)


def offer_fresh(panel, tmp_path, monkeypatch, network, **changes):
    """Fresh weights of a network, offered beside the bundled ones."""
    import torch

    from napari_medseg.networks import create_network
    from napari_medseg.weights import WeightsEntry, list_weights, save_weights
    from napari_medseg.widgets import state

    torch.manual_seed(0)
    values = {"id": f"{network}/test@1", "network": network, "task": "test", "input_size": (64, 64), **changes}
    entry = WeightsEntry(**values)
    path = tmp_path / f"{network}.safetensors"
    entry = replace(save_weights(path, create_network(network, classes=entry.output_channels), entry), id=str(path))
    monkeypatch.setattr(state, "list_weights", lambda: [*list_weights(), entry])
    panel.bus.weights_changed.emit()
    return entry


def blobs(seed=0, shape=(96, 128)):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    picture = rng.normal(20, 4, shape)
    for cy, cx in rng.integers(10, 86, (6, 2)):
        picture += 150 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 60)
    return np.clip(picture, 0, 255).astype(np.uint8)


def kept(panel, qtbot, image):
    qtbot.waitUntil(lambda: "medseg_case" in image.metadata, timeout=WAIT)
    stored(panel, qtbot)


def stored(panel, qtbot):
    case = panel.correct.view.current
    qtbot.waitUntil(lambda: case.session.status.pending == 0 and case._move is None, timeout=WAIT)
    case.compare()
    assert case.session.flush()


def accept(panel, qtbot):
    """What was accepted, or None and what was said; stray pieces are meant."""
    project, said, asked = panel.state.project, len(notification_manager.records), panel.correct.pieces

    def over():
        return bool(project.revisions(1)) or len(notification_manager.records) > said

    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: over() or not asked.isHidden(), timeout=WAIT)
    if not asked.isHidden():
        said = len(notification_manager.records)
        panel.correct.accept_and_next()
        qtbot.waitUntil(over, timeout=WAIT)
    revisions = project.revisions(1)
    told = " ".join(n.message for n in notification_manager.records[said:])
    return (project.revision_labels(revisions[-1].id) if revisions else None), told


def copy_of(panel, layer):
    panel.viewer.layers.selection = {layer}
    before = list(panel.viewer.layers)
    _duplicate_layer(panel.viewer.layers)
    return next(layer for layer in panel.viewer.layers if layer not in before)
