"""What a training run is, as data: everything that decides its outcome.

The file is one flat object of the fields of all groups, so that earlier and later versions read each other's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

from napari_medseg import fields
from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.plain import read_plain
from napari_medseg.project.declared import Declared, check_made, checks, counted, key_of, own, required, told, written
from napari_medseg.project.run_groups import Budget, Data, Pair, Provenance, Schedule, Stage, Start

__all__ = ["Budget", "Data", "Pair", "Provenance", "RunSpec", "Schedule", "Stage", "Start"]

_AGAIN = "Write it again with medseg."
GROUPS: Mapping[str, type] = {
    "data": Data,
    "start": Start,
    "schedule": Schedule,
    "budget": Budget,
    "provenance": Provenance,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec(Declared):
    """Everything that decides the outcome of a training run.

    Raises
    ------
    InputError
        If a field cannot be what it is.
    """

    network: str = field(metadata=told(fields.TEXT))
    task: str = field(metadata=told(fields.TEXT))
    data: Data
    start: Start = field(default_factory=Start)
    schedule: Schedule = field(default_factory=Schedule)
    budget: Budget = field(default_factory=Budget)
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        check_made(self)
        if not self.data.augment and any(stage.view is not None for stage in self.schedule.stages):
            raise InputError("there is a stage of views, and no augmentation, which makes them. Leave either out.")

    # what is asked for most, as it was called before there were groups

    @property
    def train(self) -> tuple[Pair, ...]:
        """Pairs to train on."""
        return self.data.train

    @property
    def val(self) -> tuple[Pair, ...]:
        """Pairs to choose and to judge by."""
        return self.data.val

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the foreground classes."""
        return self.data.classes

    @property
    def labels(self) -> tuple[int, ...]:
        """Their numbers."""
        return self.data.labels

    def to_json(self) -> str:
        """As JSON text: one object with the fields of all groups."""
        values = {
            key_of(one): getattr(part, one.name)
            for part in self._parts()
            for one in dataclass_fields(part)
            if one.metadata
        }
        return json.dumps(values, indent=1, sort_keys=True, default=written)

    def fingerprint(self) -> str:
        """Hash of all fields that decide the outcome: two runs of one fingerprint come to the same on the CPU."""
        values = {key: value for part in self._parts() for key, value in counted(part).items()}
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=counted).encode()).hexdigest()

    def _parts(self) -> list[Any]:
        return [self, *(getattr(self, name) for name in GROUPS)]

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str = "spec.json") -> RunSpec:
        """Parse field by field; fields that are not there have their defaults.

        Raises
        ------
        InputError
            If the text is no JSON object, or a field is unknown, missing or empty.
        """
        try:
            values = fields.parse_json(text)
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{where} is no JSON ({error}). {_AGAIN}") from error
        if not isinstance(values, dict):
            raise InputError(f"{where} is {type(values).__name__}; expected an object. {_AGAIN}")
        kinds = (cls, *GROUPS.values())
        unknown = sorted(set(values).difference(*map(checks, kinds)))
        if unknown:
            raise InputError(f"{where} has an unknown field {fields.shown(unknown[0])}. Remove it or update medseg.")
        for kind in kinds:
            wrong = fields.wrong_field(values, checks(kind), where, required=required(kind))
            if wrong is not None:
                raise InputError(f"{wrong} {_AGAIN}")
        try:
            groups = {name: kind(**own(kind, values)) for name, kind in GROUPS.items()}
            return cls(**own(cls, values), **groups)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error

    @classmethod
    def read(cls, path: str | Path) -> RunSpec:
        """From a run's file.

        Raises
        ------
        InputError
            If it cannot be read, or is none.
        """
        path = Path(path)
        try:
            return cls.from_json(read_plain(path), where=str(path))
        except OSError as error:
            raise ImageReadError(f"{path} cannot be read ({error.strerror}). Name a run's folder.") from error
