"""What tests of the command line share."""

import torch

from napari_medseg.app.samples import sample_images
from napari_medseg.networks import create_network
from napari_medseg.weights import WeightsEntry, save_weights

NUCLEI = [s for s in sample_images() if s.task == "nuclei"]


def refused(result, *parts, code=2):
    """One line on stderr that holds all parts."""
    got, out, err = result
    assert got == code, err
    assert out == ""
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    assert lines[0].startswith("medseg: ")
    for part in parts:
        assert str(part) in lines[0]


def save_fresh(path, network, **changes):
    torch.manual_seed(0)
    values = {"id": f"{network}/test@1", "network": network, "task": "test", "input_size": (64, 64), **changes}
    entry = WeightsEntry(**values)
    save_weights(path, create_network(network, classes=entry.output_channels), entry)
    return path
