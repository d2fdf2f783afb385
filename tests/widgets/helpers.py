"""What tests of the panel do again and again."""

from dataclasses import replace

from napari.layers import Labels

from napari_medseg.app.samples import sample_images
from napari_medseg.io import read_image

WAIT = 90_000


def choose(panel, task="nuclei"):
    panel.propose.task.setCurrentText(task)
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
