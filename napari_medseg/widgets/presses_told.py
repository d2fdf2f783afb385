"""What came of buttons that were pressed one after the other, in that order, and what is still at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from napari_medseg.words import tr

# results that are told at once
MOST = 4


@dataclass(eq=False)
class Press:
    """One press: what was pressed, on what, and what came of it; None: it is still at work, or waits for its turn."""

    name: str
    on: object
    told: str | None = None


class PressesTold:
    """A row of presses begins when nothing is at work; each press, and each result, is said at once.

    Parameters
    ----------
    say : callable
        Called with the sentences that are to be read now.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._row: list[Press] = []

    def press(self, name: str, on: object) -> Press:
        """Something was pressed; what was pressed on another image before is told no more."""
        press = Press(name, on)
        self._add(press)
        return press

    def also(self, on: object, told: str) -> None:
        """Something that nobody pressed came of what was pressed before."""
        self._add(Press("", on, told))

    def _add(self, press: Press) -> None:
        waiting = any(one.told is None and one.on is press.on for one in self._row)
        self._row = [*(one for one in self._row if waiting and one.on is press.on), press]
        self._tell()

    def done(self, press: Press, told: str) -> None:
        """What came of it; empty: nothing that anybody wants to know."""
        press.told = told
        if press in self._row:
            self._tell()

    def _tell(self) -> None:
        results = [one.told for one in self._row if one.told][-MOST:]
        waiting = [one.name for one in self._row if one.told is None]
        if waiting:
            results.append(tr("At work: {name}...", name=waiting[0]))
        if len(waiting) > 1:
            results.append(tr("Then: {names}.", names=", ".join(waiting[1:])))
        self._say(" ".join(results))
