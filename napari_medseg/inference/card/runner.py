"""What runs a network on a graphics card for the predictor: whole batches in, maps on the CPU out."""

from __future__ import annotations

import copy
import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from napari_medseg.inference.card.ladder import Ladder
from napari_medseg.inference.card.recorded import Steady, forget_all
from napari_medseg.inference.ways import chances

logger = logging.getLogger(__name__)

# px that go through a network at a time at most (64 images of 256 x 256): a card is full then
MOST_PIXELS = 64 * 256 * 256
# of the memory that is free, what batches may plan with
SHARE = 0.8
# half precision is used where it changes no more than this share of a first mask's pixels
FLIPPED = 1e-3
# float16, not bfloat16: its roundings are those of TF32, torch's own way on a card, and eight times finer than
# bfloat16's; what overflows is seen
HALF = torch.float16
# of inputs by their axes; of volumes none was found quicker
LAYOUTS = {4: torch.channels_last}
MOST_SHAPES = 16

# one piece of work at a time on a card: a recording bears nothing beside it, and recorded work has one input
_CARD = threading.RLock()


class NotInHalfError(Exception):
    """Half precision gave numbers that are none: all parts of this prediction are to be done again, in float32."""


class Said(NamedTuple):
    """Of N inputs.

    Attributes
    ----------
    probabilities : Tensor
        (N, C, *spatial), float32: one channel of sigmoid, or softmax with the background first.
    edges : Tensor or None
        (N, 1, *spatial), float32, in [0, 1].
    boxes : tuple of Tensor or None
        (K, 4) for each input.
    sound : Tensor
        (), bool: all logits are numbers.
    """

    probabilities: Tensor
    edges: Tensor | None
    boxes: tuple[Tensor, ...] | None
    sound: Tensor


class _Whole(nn.Module):
    """A network and what is made of its logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, **options: Any) -> Said:
        output = self.network(x, **options)
        maps, edges = chances(output)
        sound = torch.isfinite(output.logits).all()
        if output.edge_logits is not None:
            sound = sound & torch.isfinite(output.edge_logits).all()
        return Said(maps, edges, output.boxes, sound)


def _like(network: nn.Module) -> nn.Module:
    """Modules of its own, the tensors shared."""
    tensors: Iterable[Tensor] = chain(network.parameters(), network.buffers())
    twin: nn.Module = copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
    return twin


def built(network: nn.Module, dtype: torch.dtype, *, record: bool) -> nn.Module:
    """A network that gives :class:`Said`, in some precision, recorded as far as its work hangs on the shape alone.

    A network says which part that is (``steady``, the name of a module); one that says nothing, all of it. What hangs
    on the data stays eager and in float32: a box whose score falls below a threshold is another mask.
    """

    def cast(module: nn.Module) -> nn.Module:
        return module if dtype == torch.float32 else copy.deepcopy(module).to(dtype)

    name = getattr(network, "steady", "")
    if not name:
        return Steady(_Whole(cast(network)), dtype, record=record)
    twin = _like(network)
    twin.set_submodule(name, Steady(cast(network.get_submodule(name)), dtype, record=record))
    return _Whole(twin)


class Card:
    """A network on a device. Safe to use from several threads.

    Parameters
    ----------
    network : nn.Module
        On the device, in float32, in evaluation mode, in the layout of its inputs. Weights that change later are
        followed.
    device : torch.device
    quick : bool
        Half precision where the card computes in it and the mask agrees with float32's, and recorded work. Otherwise
        torch as it is, in float32: for what is compared.
    checked : bool
        Hold the first output of each shape in half precision against float32's; where they differ in more than
        :data:`FLIPPED` of the pixels, float32 stays.
    """

    def __init__(self, network: nn.Module, device: torch.device, *, quick: bool, checked: bool = True) -> None:
        self._network, self._device, self._quick, self._checked = network, device, quick, checked
        self._half = quick and _half_pays(device)
        self._tensors = [*network.parameters(), *network.buffers()]
        self._state = self._version()
        self._built: dict[torch.dtype, nn.Module] = {}
        self._agreed: set[tuple[int, ...]] = set()
        self._ladders: OrderedDict[tuple[int, ...], Ladder] = OrderedDict()
        self._bytes_of_one: dict[tuple[int, ...], int] = {}

    @property
    def dtype(self) -> torch.dtype:
        """In which the next prediction is made."""
        return HALF if self._half else torch.float32

    @property
    def precision(self) -> str:
        """For what keeps where a mask came from."""
        return str(self.dtype).removeprefix("torch.")

    def together(self, spatial: Sequence[int]) -> int:
        """How many inputs of these sides, px, are worth giving at once."""
        return max(1, MOST_PIXELS // math.prod(spatial))

    def batch(self, spatial: Sequence[int]) -> int:
        """How many inputs of these sides go through at a time, as far as it is known."""
        return next((one.size for shape, one in self._ladders.items() if shape[1:] == tuple(spatial)), 1)

    def __call__(self, tensor: Tensor, **options: Any) -> Said:
        """What the network says of inputs.

        Parameters
        ----------
        tensor : Tensor
            (N, C, *spatial), float32, on the CPU.
        options
            What the network takes besides, on the CPU; boxes for one input alone.

        Raises
        ------
        torch.OutOfMemoryError
            If the device has no memory for a single input.
        NotInHalfError
            If half precision gave numbers that are none; float32 is used from now on.
        """
        if "boxes" in options:
            options["boxes"] = [boxes.to(self._device) for boxes in options["boxes"]]
        found: list[Said] = []
        waiting: list[_OnTheWay] = []
        shape = tuple(tensor.shape[1:])

        def do(where: slice) -> None:
            waiting.append(self._launch(tensor[where], options, alone=len(tensor) == 1))
            # while the card computes these, the ones before are taken over, and the next are prepared
            if len(waiting) > 1:
                found.append(waiting.pop(0).arrived())

        here = torch.cuda.device(self._device) if self._device.type == "cuda" else nullcontext()
        with _CARD, here, torch.inference_mode():
            self._follow_weights()
            ladder = self._ladder(shape)
            ladder.climb(len(tensor), do, room=lambda: self._room(shape), relieve=self._relieve)
            found += [one.arrived() for one in waiting]
        said = found[0] if len(found) == 1 else _joined(found)
        if self._half and not said.sound:
            self._stay_full("numbers that are none")
            raise NotInHalfError
        return said

    def _launch(self, part: Tensor, options: dict[str, Any], *, alone: bool) -> _OnTheWay:
        """Ask the device for a batch; a lack of memory has one kind of error then, whichever library met it."""
        shape = tuple(part.shape[1:])
        measures = not alone and len(part) == 1 and shape not in self._bytes_of_one and self._device.type == "cuda"
        try:
            x = self._taken(part, alone=alone)
            if self._half and self._checked and shape not in self._agreed:
                self._hold(shape, x[:1], options)
            module, before = self._module(self.dtype), self._begin_measuring() if measures else 0
            said = module(x, **options)
            if measures:
                # of work that is asked for, not done: the allocator knows it at once
                own = x.numel() * x.element_size()
                self._bytes_of_one[shape] = own + max(0, torch.cuda.max_memory_allocated(self._device) - before)
            return _OnTheWay(said, self._device)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or not lacks_memory(error):
                raise
            text = str(error)
        raise torch.OutOfMemoryError(text)

    def _taken(self, part: Tensor, *, alone: bool) -> Tensor:
        """A batch on the device, in the network's layout."""
        if self._device.type == "cuda" and not alone:
            # the CPU copies into memory that the card fetches by itself, while the batch before is at work
            part = part.pin_memory()
        layout = LAYOUTS.get(part.dim(), torch.contiguous_format)
        return part.to(self._device, non_blocking=True).contiguous(memory_format=layout)

    def _module(self, dtype: torch.dtype) -> nn.Module:
        if dtype not in self._built:
            # tensors like the network's own, whose changes are counted
            with torch.inference_mode(False), torch.no_grad():
                self._built[dtype] = built(self._network, dtype, record=self._quick)
        return self._built[dtype]

    def _hold(self, shape: tuple[int, ...], x: Tensor, options: dict[str, Any]) -> None:
        """Hold half precision against float32 on one input."""
        found, wanted = (self._module(dtype)(x, **options) for dtype in (HALF, torch.float32))
        if bool(found.sound) and flipped(found, wanted) <= FLIPPED:
            self._agreed.add(shape)
        else:
            self._stay_full("another mask than float32")

    def _stay_full(self, why: str) -> None:
        logger.warning("half precision gave %s: these weights stay in float32", why)
        self._half = False
        self._built.pop(HALF, None)

    def _version(self) -> tuple[tuple[int, int], ...]:
        # tensors of inference mode count no changes
        return tuple((t.data_ptr(), 0 if t.is_inference() else t._version) for t in self._tensors)

    def _follow_weights(self) -> None:
        """What was made of weights that are others now is made anew."""
        state = self._version()
        if state != self._state:
            self._state = state
            self._built.clear()
            self._agreed.clear()
            self._half = self._quick and _half_pays(self._device)

    def _ladder(self, shape: tuple[int, ...]) -> Ladder:
        if shape not in self._ladders:
            self._ladders[shape] = Ladder(self.together(shape[1:]))
            if len(self._ladders) > MOST_SHAPES:
                self._bytes_of_one.pop(self._ladders.popitem(last=False)[0], None)
        self._ladders.move_to_end(shape)
        return self._ladders[shape]

    def _begin_measuring(self) -> int:
        torch.cuda.reset_peak_memory_stats(self._device)
        return torch.cuda.memory_allocated(self._device)

    def _room(self, shape: tuple[int, ...]) -> int:
        """How many inputs fit into the memory that is free, by what one took."""
        one = self._bytes_of_one.get(shape)
        if one is None:
            return MOST_PIXELS
        free = torch.cuda.mem_get_info(self._device)[0]
        # torch keeps what it freed
        own = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        return int(SHARE * (free + own) / one)

    def _relieve(self) -> bool:
        had = forget_all()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return had


class _OnTheWay:
    """What was asked for, on its way to the CPU."""

    def __init__(self, said: Said, device: torch.device) -> None:
        def down(tensor: Tensor) -> Tensor:
            return tensor.to("cpu", non_blocking=True)

        self._said = Said(
            down(said.probabilities),
            None if said.edges is None else down(said.edges),
            None if said.boxes is None else tuple(down(boxes) for boxes in said.boxes),
            down(said.sound),
        )
        self._done = torch.cuda.Event() if device.type == "cuda" else None
        if self._done is not None:
            self._done.record(torch.cuda.current_stream(device))

    def arrived(self) -> Said:
        """Wait for it."""
        if self._done is not None:
            self._done.synchronize()
        return self._said


def _joined(parts: Sequence[Said]) -> Said:
    edges = [part.edges for part in parts if part.edges is not None]
    boxes = [boxes for part in parts for boxes in part.boxes or ()]
    return Said(
        torch.cat([part.probabilities for part in parts]),
        torch.cat(edges) if edges else None,
        None if parts[0].boxes is None else tuple(boxes),
        torch.stack([part.sound for part in parts]).all(),
    )


def flipped(found: Said, wanted: Said) -> float:
    """Share of the pixels whose class differs; of mask or edges, where more do."""
    shares = []
    for one, other in ((found.probabilities, wanted.probabilities), (found.edges, wanted.edges)):
        if one is None or other is None:
            continue
        masks = [maps.argmax(dim=1) if maps.shape[1] > 1 else maps >= 0.5 for maps in (one, other)]
        shares.append(float((masks[0] != masks[1]).float().mean()))
    return max(shares)


def lacks_memory(error: RuntimeError) -> bool:
    """Whether memory of the device ran out; the card's libraries say so in words of their own."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "_ALLOC_FAILED" in text


def _half_pays(device: torch.device) -> bool:
    """NVIDIA's cards from Volta on, and all that ROCm serves; before, half precision was slower."""
    return device.type != "cuda" or bool(torch.version.hip) or torch.cuda.get_device_capability(device) >= (7, 0)
