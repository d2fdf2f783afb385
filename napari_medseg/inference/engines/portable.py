"""A network with what stands before and behind it, for other programs, and what they need to know."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from napari_medseg import __version__
from napari_medseg.inference.engines.export import INPUT
from napari_medseg.inference.normalize import CAMERA, EIGHT_IN_16, PERCENTILES, WHITE_16, standardise
from napari_medseg.networks import InputSpec, NetworkSpec
from napari_medseg.weights import WeightsEntry

OUTPUTS = ("probabilities", "edges")
THRESHOLD = 0.5
# of the JSON that goes with it
FORM = 1


class Portable(nn.Module):
    """Intensities in [0, 1] in, probabilities out.

    Parameters
    ----------
    network : nn.Module
        Prepared for inference, on the CPU.
    source : InputSpec
        How its weights want their intensities.

    Shapes
    ------
    input : (1, C, *spatial), float32, in [0, 1]; the three channels are red, green, blue
    output : (1, K, *spatial), float32, in [0, 1]; the background first where there is more than one class. Then
        (1, 1, *spatial) of a boundary's probability, where the network has it
    """

    def __init__(self, network: nn.Module, source: InputSpec) -> None:
        super().__init__()
        self.network, self._source = network, source

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        output = self.network(standardise(image, self._source))
        logits = output.logits
        maps = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)
        return (maps,) if output.edge_logits is None else (maps, output.edge_logits.sigmoid())


def facts_of(spec: NetworkSpec, entry: WeightsEntry, size: tuple[int, ...]) -> dict[str, Any]:
    """What whoever runs the file needs to know, as JSON has it."""
    source, volume = entry.input_of(spec.input), spec.input.ndim == 3
    axes, sides = ("NCZYX" if volume else "NCYX"), " x ".join(map(str, size))
    low, high = PERCENTILES
    several = len(entry.classes) > 1
    if volume:
        grey = (
            f"Scale so that {entry.window[0]} becomes 0 and {entry.window[1]} becomes 1, and clip."
            if entry.window
            else f"Scale so that the {low}th percentile becomes 0 and the {high}th 1, and clip."
        )
        before = [
            grey,
            *([f"Resample to voxels of {entry.spacing} mm (z, y, x), trilinear."] if entry.spacing else []),
            f"Take windows of {sides} voxels that overlap by half; pad small volumes with the values at their border.",
        ]
        after = ["Take the mean where windows overlap, places in a window's middle counting more; resample back."]
    else:
        before = [
            f"8-bit images: divide by 255. 16-bit images in colour: divide by {WHITE_16}, if a value goes beyond "
            f"{CAMERA} or all are multiples of {EIGHT_IN_16}. Numbers with fractions, all from 0 to 1: leave them. "
            f"Others: scale so that the {low}th percentile becomes 0 and the {high}th 1, and clip. What is no number "
            "becomes 0. Repeat a single channel three times; leave out a fourth.",
            f"Resize to {sides} px, bilinear, smoothed where it shrinks (antialias), borders of both grids coincide.",
        ]
        after = ["Resize the probabilities back to the image's size, in the same way."]
    after.append(
        "The mask's class is the channel that is largest; 0 is the background."
        if several
        else f"The mask is where the probability is {THRESHOLD} or more."
    )
    spatial = list(size)
    outputs = [
        {
            "name": OUTPUTS[0],
            "shape": [1, entry.output_channels, *spatial],
            "range": [0, 1],
            "channels": (["background"] if several else []) + list(entry.classes),
        }
    ]
    if spec.capabilities.edges:
        outputs.append({"name": OUTPUTS[1], "shape": [1, 1, *spatial], "range": [0, 1], "channels": ["boundary"]})
    return {
        "form": FORM,
        "program": f"napari-medseg {__version__}",
        "use": "research only, no medical device",
        "network": spec.name,
        "title": spec.title,
        "paper": spec.paper,
        "weights": entry.id,
        "sha256": entry.sha256,
        "licence": entry.licence,
        "trained_on": list(entry.trained_on),
        "input": {
            "name": INPUT,
            "shape": [1, spec.input.channels, *spatial],
            "axes": axes,
            "dtype": "float32",
            "range": [0, 1],
            "channels": ["grey"] if volume else ["red", "green", "blue"],
        },
        "precision": "float32. In OpenVINO set INFERENCE_PRECISION_HINT to f32: else newer processors compute in "
        "bfloat16, which moves probabilities by several hundredths.",
        # for who reads the model's first steps; they are inside
        "inside": {"mean": source.mean, "std": source.std, "order": source.order},
        "before": before,
        "outputs": outputs,
        "after": after,
        "threshold": None if several else THRESHOLD,
        "classes": {str(number): name for number, name in zip(entry.labels, entry.classes, strict=True)},
        "spacing_mm_zyx": None if entry.spacing is None else list(entry.spacing),
        "window": None if entry.window is None else list(entry.window),
    }
