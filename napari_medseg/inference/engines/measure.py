"""Which engine is quickest for a network on this computer, and whether it says the same as torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from napari_medseg.errors import OperationError
from napari_medseg.inference.engines.export import to_onnx
from napari_medseg.inference.engines.table import TORCH, Runner, load_model
from napari_medseg.networks import NetworkSpec, SegmentationOutput

# less is no reason to change
LEAST_GAIN = 1.1
# of the range of what torch says, which counts as no less than 1: below that all probabilities are alike
TOLERANCE = 1e-3
# of the pixels of a mask
FLIPPED = 1e-3
_ROUNDS = (7, 21)
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a measurement.

    Attributes
    ----------
    engine : str
        ``torch``, or the engine that is quicker by :data:`LEAST_GAIN` or more.
    gain : float
        Torch's seconds over its own; 1 for torch.
    seconds : dict of str to float
        Of a pass, by engine: a quarter of them took less.
    refused : dict of str to str
        Why others are out, by engine.
    model : bytes
        What the engine loads; empty for torch.
    """

    engine: str = TORCH
    gain: float = 1.0
    seconds: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    model: bytes = b""


def agrees(found: SegmentationOutput, wanted: SegmentationOutput) -> bool:
    """Whether an engine's output is torch's: within :data:`TOLERANCE`, and with the same mask but for
    :data:`FLIPPED` of its pixels."""
    for one, other in ((found.logits, wanted.logits), (found.edge_logits, wanted.edge_logits)):
        if one is None or other is None:
            if one is not other:
                return False
            continue
        spread = max(1.0, float(other.max() - other.min()))
        # so that no number at all is no agreement either
        if one.shape != other.shape or not float((one - other).abs().max()) <= TOLERANCE * spread:
            return False
        masks = [m.argmax(dim=1) if m.shape[1] > 1 else m >= 0 for m in (one, other)]
        if float((masks[0] != masks[1]).float().mean()) > FLIPPED:
            return False
    return True


def probe(spec: NetworkSpec, shape: Sequence[int]) -> Tensor:
    """An input (1, C, *spatial) that looks like a standardised picture: smooth spots, and some noise."""
    generator = torch.Generator().manual_seed(0)
    mode = "bilinear" if len(shape) == 4 else "trilinear"
    coarse = torch.rand(1, shape[1], *(max(2, side // 16) for side in shape[2:]), generator=generator)
    smooth = nn.functional.interpolate(coarse, size=tuple(shape[2:]), mode=mode)
    picture = (smooth + 0.05 * torch.randn(tuple(shape), generator=generator)).clamp(0, 1)
    mean, std = (
        torch.as_tensor(value).reshape(-1, *(1 for _ in shape[2:])) for value in (spec.input.mean, spec.input.std)
    )
    return (picture - mean) / std


def measure(
    network: nn.Module, spec: NetworkSpec, shape: Sequence[int], engines: Sequence[str], *, seconds: float = _SECONDS
) -> Measured:
    """Let torch and engines take turns, and choose.

    Parameters
    ----------
    network : nn.Module
        On the CPU, prepared for inference, in the layout that torch is used with.
    spec : NetworkSpec
    shape : sequence of int
        (1, C, *spatial).
    engines : sequence of str
        Those beside torch.
    seconds : float
        After so long no further turn begins, from the seventh on.
    """
    image = probe(spec, shape)
    layout = torch.channels_last if image.dim() == 4 else torch.preserve_format
    refused: dict[str, str] = {}
    try:
        model = to_onnx(network, spec, shape)
    except OperationError as error:
        return Measured(refused=dict.fromkeys(engines, str(error)))
    runners: dict[str, Runner] = {TORCH: lambda given: network(given.to(memory_format=layout))}
    with torch.inference_mode():
        wanted = runners[TORCH](image)
        for name in engines:
            try:
                runner = load_model(name, model, torch.get_num_threads())
                if agrees(runner(image), wanted):
                    runners[name] = runner
                else:
                    refused[name] = "its output is not torch's"
            # an engine may fail in ways of its own
            except (OperationError, RuntimeError) as error:
                refused[name] = str(error)[:200]
        times: dict[str, list[float]] = {name: [] for name in runners}
        end = time.monotonic() + seconds
        for turn in range(1 + _ROUNDS[1]):
            if turn > _ROUNDS[0] and time.monotonic() > end:
                break
            for name, runner in runners.items():
                started = time.perf_counter()
                runner(image)
                if turn:
                    times[name].append(time.perf_counter() - started)
    # not the median: this is measured while a person works, which disturbs torch most, whose threads wait by spinning
    quick = {name: sorted(values)[len(values) // 4] for name, values in times.items()}
    best = min(quick, key=lambda name: quick[name])
    gain = quick[TORCH] / quick[best]
    if gain < LEAST_GAIN:
        return Measured(seconds=quick, refused=refused)
    return Measured(best, gain, quick, refused, model)
