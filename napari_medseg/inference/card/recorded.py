"""Work that hangs on the shape of its input alone: recorded once as a CUDA graph, and replayed.

At batch 1 a card waits for Python, which asks for some hundred small steps; a graph asks for all of them at once.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)

# shapes of which a network keeps its work, the share of the card's memory that this may take, and how many it remembers
MOST_RECORDED, MOST_SHARE, MOST_KNOWN = 4, 1 / 8, 64
# before a recording: libraries set themselves up on the stream
_WARM_UP = 2
_SEEN, _REFUSED = "seen", "refused"


def as_float(found: Any) -> Any:
    """The same in float32: a tensor, or lists and tuples of them and of other things."""
    if isinstance(found, Tensor):
        return found.float() if found.is_floating_point() else found
    if isinstance(found, tuple) and hasattr(found, "_fields"):
        return type(found)(*map(as_float, found))
    if isinstance(found, list | tuple):
        return type(found)(map(as_float, found))
    return found


@lru_cache(maxsize=16)
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all recordings: on each stream libraries keep memory of their own."""
    return torch.cuda.Stream(device)


def recordable(x: Tensor) -> bool:
    """Whether work on an input is worth recording: several at once keep a card busy by themselves."""
    return x.is_cuda and len(x) == 1


class Recorded:
    """One piece of work on one shape.

    Its input and its output are always the same memory: the output of a replay stays until the next.

    Raises
    ------
    RuntimeError
        If the work cannot be recorded, for one because it waits for the card, or there is no memory for it.
    """

    def __init__(self, work: Callable[[Tensor], Any], x: Tensor) -> None:
        self._input = x.clone()
        side = _side_stream(x.device)
        side.wait_stream(torch.cuda.current_stream(x.device))
        self._graph = torch.cuda.CUDAGraph()
        # this one restores the stream also where torch's own does not: after a recording that failed
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP):
                work(self._input)
            side.synchronize()
            torch.cuda.empty_cache()
            before = torch.cuda.memory_reserved(x.device)
            # other threads may go on using the card
            with torch.cuda.graph(self._graph, stream=side, capture_error_mode="thread_local"):
                self._output = work(self._input)
        torch.cuda.current_stream(x.device).wait_stream(side)
        self.bytes = torch.cuda.memory_reserved(x.device) - before

    def __call__(self, x: Tensor) -> Any:
        """What the work gives for an input of the shape."""
        self._input.copy_(x, non_blocking=True)
        self._graph.replay()
        return self._output


def _record(work: Callable[[Tensor], Any], x: Tensor) -> Recorded | str:
    try:
        return Recorded(work, x)
    except RuntimeError as error:
        # eager it goes on as well
        logger.warning("work on %s is not recorded: %s", tuple(x.shape), str(error).partition("\n")[0][:200])
    return _REFUSED


class Steady(nn.Module):
    """A module in some precision, whose work is recorded when a shape is seen for the second time.

    Who sees a shape once may never see it again; and the first time libraries choose their ways. Batches of several
    inputs keep the card busy by themselves and are not recorded. Not safe from several threads by itself.

    Parameters
    ----------
    module : nn.Module
        On its device, its parameters in ``dtype``; its work hangs on the shape of its input alone.
    dtype : torch.dtype
    record : bool
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype, *, record: bool) -> None:
        super().__init__()
        self.module, self.dtype, self.record = module, dtype, record
        self._known: OrderedDict[tuple[int, ...], Recorded | str] = OrderedDict()
        _ALL.add(self)

    def forward(self, x: Tensor) -> Any:
        """Of an input (N, C, *spatial) in float32 what the module says, in float32."""
        if not (self.record and recordable(x)):
            return self._work(x)
        shape = tuple(x.shape)
        known = self._known.get(shape)
        if known is None:
            self._known[shape] = _SEEN
            self._bound()
            return self._work(x)
        self._known.move_to_end(shape)
        if known == _SEEN:
            known = self._known[shape] = _record(self._work, x)
            self._bound()
        return known(x) if isinstance(known, Recorded) else self._work(x)

    def _work(self, x: Tensor) -> Any:
        return as_float(self.module(x.to(self.dtype)))

    def _bound(self) -> None:
        """Let go of the shapes that were asked for longest ago; the last one stays."""
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        kept = [shape for shape, one in self._known.items() if isinstance(one, Recorded)]
        while len(kept) > 1 and (len(kept) > MOST_RECORDED or self.bytes > self._most_bytes()):
            self._known[kept.pop(0)] = _SEEN

    def _most_bytes(self) -> float:
        return MOST_SHARE * torch.cuda.mem_get_info()[1]

    @property
    def recorded(self) -> tuple[tuple[int, ...], ...]:
        """Shapes whose work is recorded."""
        return tuple(shape for shape, one in self._known.items() if isinstance(one, Recorded))

    @property
    def bytes(self) -> int:
        """What they take of the card's memory."""
        return sum(one.bytes for one in self._known.values() if isinstance(one, Recorded))

    def forget(self) -> bool:
        """Let go of all that is recorded; whether there was any."""
        had = bool(self.recorded)
        self._known.clear()
        return had


_ALL: WeakSet[Steady] = WeakSet()


def forget_all() -> bool:
    """Give back the memory of all that is recorded in this process; whether there was any."""
    had = [one.forget() for one in list(_ALL)]
    return any(had)
