"""Who works: this process, or others by Dask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from napari_medseg.errors import InputError
from napari_medseg.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Where work is sent.

    Parameters
    ----------
    count : int or None
        Processes on this computer.
    scheduler : str or None
        Address of a Dask scheduler, such as ``tcp://host:8786`` or ``tls://host:8786``.
    tls : mapping of str to str
        ``ca``, ``cert`` and ``key``: files for ``tls://``.
    resources : mapping of str to float
        What a worker has to have, such as ``GPU: 1``.
    """

    count: int | None = None
    scheduler: str | None = None
    tls: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.count is not None and self.scheduler is not None:
            raise InputError(
                tr("Both a scheduler and a number of workers are given; expected one of them. Leave one out.")
            )
        if self.tls and not (self.scheduler or "").startswith("tls://"):
            raise InputError(
                tr("Files for TLS are given; expected a scheduler whose address begins with tls://. Correct it.")
            )

    @property
    def others(self) -> bool:
        """Whether other processes work."""
        return self.count is not None or self.scheduler is not None


def parse_resources(texts: Sequence[str]) -> dict[str, float]:
    """From ``GPU=1`` and the like.

    Raises
    ------
    InputError
    """
    found = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            found[""] = 0.0
        if not name.strip() or not found.get(name.strip(), 0) > 0:
            raise InputError(tr("--resource is '{text}'; expected NAME=NUMBER, such as GPU=1. Correct it.", text=text))
    return found
