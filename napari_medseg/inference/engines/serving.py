"""Which engine serves a network, prediction by prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_medseg.errors import OperationError
from napari_medseg.inference.engines.background import BACKGROUND
from napari_medseg.inference.engines.export import to_onnx, why_not
from napari_medseg.inference.engines.measure import agrees
from napari_medseg.inference.engines.store import Key, installed_version
from napari_medseg.inference.engines.table import (
    AUTO,
    TITLES,
    TORCH,
    Runner,
    load_model,
    present_engines,
    resolve_engine,
)
from napari_medseg.networks import NetworkSpec, SegmentationOutput


@dataclass(slots=True)
class Served:
    """What runs one prediction, all of it.

    The first output of an engine is held against torch's on the same image. Where they differ torch runs this
    prediction instead, and this says so.

    Attributes
    ----------
    engine : str
    run : callable or None
        None: the network itself, in torch.
    shape : tuple of int
        Of its inputs, (1, C, *spatial).
    gain : float or None
        How many times quicker than torch it was when that was measured here; 1 where torch was the quickest, None where
        nothing was measured.
    message : str
        For the user, where the engine that they named was not used.
    """

    engine: str = TORCH
    run: Runner | None = None
    shape: tuple[int, ...] = ()
    gain: float | None = None
    message: str = ""

    def takes(self, tensor: Tensor, options: object) -> bool:
        """Whether the engine runs this input (N, C, *spatial), which other than torch takes no options."""
        return self.run is not None and not options and tuple(tensor.shape[1:]) == self.shape[1:]

    def __call__(self, tensor: Tensor) -> SegmentationOutput:
        """The network's output (N, ...), one after the other: on a CPU that is as quick as all at once."""
        found = []
        for part in tensor.split(1):
            # asked for each: torch may have taken over with the one before
            assert self.run is not None
            found.append(self.run(part))
        edges = [one.edge_logits for one in found if one.edge_logits is not None]
        return SegmentationOutput(torch.cat([one.logits for one in found]), torch.cat(edges) if edges else None)

    def describe(self) -> str:
        """For what keeps where a mask came from: name and version."""
        return f"{self.engine} {installed_version(self.engine)}".strip()


class Serving:
    """Says what runs the next prediction of a network with its weights.

    Parameters
    ----------
    network : nn.Module
        Prepared for inference.
    spec : NetworkSpec
    sha256 : str
        Of the weights file.
    weights : Path or None
        The file. None: there is none, and ``auto`` is torch.
    engine : str
        See :func:`napari_medseg.inference.engines.resolve_engine`.

    Raises
    ------
    UnknownNameError, InputError
        If there is no such engine here.
    """

    def __init__(
        self, network: nn.Module, spec: NetworkSpec, sha256: str, weights: Path | None, engine: str = TORCH
    ) -> None:
        self._network, self._spec, self._sha256, self._weights = network, spec, sha256, weights
        self.engine = resolve_engine(engine)
        self._ready: tuple[tuple[int, ...], Runner] | None = None
        self._agreed: set[tuple[int, ...]] = set()
        if self.engine == AUTO and (weights is None or why_not(spec) or not present_engines()):
            self.engine = TORCH

    def pick(self, spatial: Sequence[int], *, on_cpu: bool) -> Served:
        """What runs a prediction whose network sees inputs of these sides, px."""
        shape = (1, self._spec.input.channels, *spatial)
        if self.engine not in (AUTO, TORCH):
            return self._named(shape, on_cpu)
        if self.engine == TORCH or not on_cpu:
            return Served()
        assert self._weights is not None
        key = Key(self._spec.name, self._sha256, shape, torch.get_num_threads())
        runner, choice = BACKGROUND.runner(key, self._weights), BACKGROUND.choice(key)
        if runner is None or choice is None:
            return Served(gain=choice.gain if choice is not None and choice.engine == TORCH else None)
        served = Served(choice.engine, runner, shape, choice.gain)
        return self._held(served, lambda why: BACKGROUND.refuse(key, why))

    def _named(self, shape: tuple[int, ...], on_cpu: bool) -> Served:
        """The engine that a person named; one shape stays ready. What it cannot run stays in torch, and says so."""
        title, name = TITLES[self.engine], self._spec.title.partition(" (")[0]
        if not on_cpu:
            return Served(message=f"{title} runs on the CPU alone; PyTorch went on on the other device.")
        if reason := why_not(self._spec):
            return Served(message=f"{name} stays in PyTorch: {reason}.")
        try:
            if self._ready is None or self._ready[0] != shape:
                model = to_onnx(self._network, self._spec, shape)
                self._ready = shape, load_model(self.engine, model, torch.get_num_threads())
        except OperationError as error:
            return Served(message=f"{name} stays in PyTorch: {error}")
        served = Served(self.engine, self._ready[1], shape)

        def tell(why: str) -> None:
            served.message = f"{title} was not used for this image: {why}. PyTorch went on."

        return self._held(served, tell)

    def _held(self, served: Served, differs: Callable[[str], None]) -> Served:
        """Have an engine's first output held against torch's."""
        runner, shape = served.run, served.shape
        if runner is None or shape in self._agreed:
            return served

        def in_torch(tensor: Tensor) -> SegmentationOutput:
            layout = torch.channels_last if tensor.dim() == 4 else torch.preserve_format
            output: SegmentationOutput = self._network(tensor.to(memory_format=layout))
            return output

        def run(tensor: Tensor) -> SegmentationOutput:
            wanted = in_torch(tensor)
            # whatever a library of others fails of, torch has the answer
            try:
                found = runner(tensor)
                why = "" if agrees(found, wanted) else "its output is not PyTorch's"
            except Exception as error:  # noqa: BLE001
                found, why = wanted, f"it failed ({type(error).__name__})"
            if why:
                served.engine, served.run, served.gain = TORCH, in_torch, None
                differs(why)
                return wanted
            self._agreed.add(shape)
            served.run = runner
            return found

        served.run = run
        return served
