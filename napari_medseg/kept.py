"""What is kept in memory because it may be wanted again, never more than so much of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from threading import RLock
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Kept(MutableMapping[K, V]):
    """A mapping of bounded size: what was not asked for longest goes first. Safe to use from several threads.

    Parameters
    ----------
    most : int
        So many entries at most.
    most_bytes : int, optional
        So many bytes of all together at most; the newest entry stays, however large it is.
    size_of : callable, optional
        Bytes of a value.
    """

    def __init__(
        self, most: int, *, most_bytes: int | None = None, size_of: Callable[[V], int] = lambda value: 0
    ) -> None:
        self.most, self.most_bytes = most, most_bytes
        self._size_of = size_of
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = RLock()

    @property
    def bytes(self) -> int:
        """Of all values together."""
        with self._lock:
            return sum(size for _, size in self._held.values())

    def __getitem__(self, key: K) -> V:
        with self._lock:
            self._held.move_to_end(key)
            return self._held[key][0]

    def __setitem__(self, key: K, value: V) -> None:
        with self._lock:
            self._held[key] = value, self._size_of(value)
            self._held.move_to_end(key)
            while len(self._held) > 1 and self._too_much():
                self._held.popitem(last=False)

    def _too_much(self) -> bool:
        return len(self._held) > self.most or (self.most_bytes is not None and self.bytes > self.most_bytes)

    def __delitem__(self, key: K) -> None:
        with self._lock:
            del self._held[key]

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def __iter__(self) -> Iterator[K]:
        with self._lock:
            return iter(list(self._held))

    def __len__(self) -> int:
        return len(self._held)
