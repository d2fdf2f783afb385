"""How many inputs go through at a time: as many as there is memory for, found by trying."""

from __future__ import annotations

from collections.abc import Callable

import torch


class Ladder:
    """Sizes of batches, for inputs of one shape.

    It begins with one and doubles while batches fit; where memory runs out it halves, and does not come back to what
    failed in this climb. The next climb begins where the last ended.

    Parameters
    ----------
    most : int
        No batch is larger.

    Attributes
    ----------
    size : int
        Of the next batch.
    """

    def __init__(self, most: int) -> None:
        self.most, self.size = max(1, most), 1

    def climb(
        self, count: int, do: Callable[[slice], None], *, room: Callable[[], int], relieve: Callable[[], bool]
    ) -> None:
        """Do all of them, each once and in order.

        Parameters
        ----------
        count : int
        do : callable
            Does those of a slice, or raises torch.OutOfMemoryError and has done none of them.
        room : callable
            How many may fit, as far as that is known; asked before a batch becomes larger.
        relieve : callable
            Asked where memory ran out: gives back what can be spared, and says whether that was anything. Then the
            same batch is tried again.

        Raises
        ------
        torch.OutOfMemoryError
            If there is no memory for a single one.
        """
        done, most = 0, self.most
        while done < count:
            size = min(self.size, count - done)
            trouble = _trouble(do, slice(done, done + size))
            if trouble is None:
                done += size
                if size == self.size:
                    self.size = max(size, min(2 * size, most, room()))
            elif not relieve():
                if size == 1:
                    raise torch.OutOfMemoryError(trouble)
                most = self.size = size // 2


def _trouble(do: Callable[[slice], None], where: slice) -> str | None:
    """What an error of memory said; the error itself, and all that it holds, is gone then."""
    try:
        do(where)
    except torch.OutOfMemoryError as error:
        return str(error)
    return None
