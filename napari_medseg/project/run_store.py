"""A project's training runs and the weights it uses. A part of :class:`Project`."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_medseg.digest import file_sha256
from napari_medseg.errors import WeightsError
from napari_medseg.fields import parse_json
from napari_medseg.io import is_there
from napari_medseg.project import history, queries, seals
from napari_medseg.project.damage import damage_told
from napari_medseg.project.database import Database
from napari_medseg.project.files import fault
from napari_medseg.project.records import Run


class RunStore:
    """What was trained, and what was adopted.

    Parameters
    ----------
    path : Path
        The project's folder.
    db : Database
    """

    def __init__(self, path: Path, db: Database) -> None:
        self.path, self._db = path, db

    def add_run(self, spec_json: str, folder: str | Path) -> int:
        """Note a training run; its number."""
        with self._db.transaction() as db:
            inserted = db.execute(
                "INSERT INTO runs (folder, state, created, spec) VALUES (?, 'running', ?, ?)",
                (str(folder), time.time(), spec_json),
            ).lastrowid
            facts: dict[str, Any] = {
                "run": inserted,
                "state": "running",
                "spec": hashlib.sha256(spec_json.encode()).hexdigest(),
            }
            start = json.loads(spec_json).get("start_from")
            if start is not None and start.endswith(".safetensors"):
                # a file of the user's, which may change: to go back to it, it must be what it is now
                start = self._inside(Path(start).resolve())
                facts["start"] = {"weights": start, "sha256": weights_sha256(start, self.path)}
            history.add(db, None, "train", {**facts, **seals.sealed(db, "runs", int(inserted or 0))})
        return int(inserted or 0)

    def set_run(self, run_id: int, state: str, *, weights: str | Path | None = None, result: str | None = None) -> None:
        """Note how a run stands; what is None stays.

        A path inside the project is stored relative to it: the folder may move.
        """
        text = None if weights is None else self._inside(weights)
        with self._db.transaction() as db:
            db.execute(
                "UPDATE runs SET state = ?, weights = COALESCE(?, weights), result = COALESCE(?, result) WHERE id = ?",
                (state, text, result, run_id),
            )
            facts = {"run": run_id, "state": state, "weights": text, "result": result}
            history.add(db, None, "run", {**facts, "sha256": weights_sha256(text, self.path)})

    def runs(self) -> list[Run]:
        """Runs, oldest first."""
        rows = self._db.rows("SELECT id, folder, state, created, weights, spec, result FROM runs ORDER BY id")
        return [queries.to_run(row, self.path) for row in rows]

    def adopt(self, weights: str | Path | None) -> None:
        """Use these weights (an id or a path) for proposals from now on; None: the bundled ones.

        A path inside the project is stored relative to it: the folder may move.
        """
        text = None if weights is None else self._inside(weights)
        with self._db.transaction() as db:
            db.execute("UPDATE project SET adopted = ?", (text,))
            history.add(db, None, "adopt", {"weights": text, "sha256": weights_sha256(text, self.path)})

    def choose(self, task: str, weights: str | Path) -> None:
        """Remember what a person says is on the images, and the weights they chose for it (an id or a path)."""
        text = self._inside(weights)
        if self.chosen() != (task, str(weights)):
            with self._db.transaction() as db:
                history.add(db, None, "choose", {"task": task, "weights": text})

    def chosen(self) -> tuple[str, str]:
        """Task and weights that a person chose last; empty texts where nobody did.

        Weights that were adopted after that take their place: they are empty then.
        """
        row = self._db.row("SELECT id, detail FROM history WHERE kind = 'choose' ORDER BY id DESC LIMIT 1")
        if row is None:
            return "", ""
        with damage_told(f"{self._db.path}, what was chosen"):
            detail = parse_json(row[1])
            task, weights = str(detail["task"]), str(detail["weights"])
        later = self._db.row("SELECT 1 FROM history WHERE kind = 'adopt' AND id > ? LIMIT 1", row[0])
        if later is not None:
            return task, ""
        return task, str(self.path / weights) if weights.endswith(".safetensors") else weights

    def _inside(self, weights: str | Path) -> str:
        """A path inside the project relative to it; others, and ids, as they are."""
        inside = Path(weights).is_relative_to(self.path)
        return Path(weights).relative_to(self.path).as_posix() if inside else str(weights)

    def adopted(self) -> str | None:
        """Weights that were adopted last, an id or a path.

        Raises
        ------
        ProjectError
            If they are damaged.
        """
        row = self._db.row("SELECT adopted FROM project")
        if row is None or row[0] is None:
            return None
        with damage_told(f"{self.path}, which weights are in use,"):
            inside = self.path / row[0]
            return str(inside) if is_there(inside) else str(row[0])

    def check_run_weights(self, run_id: int, weights: Path) -> None:
        """Make sure that a file still is what a run made.

        Raises
        ------
        WeightsError
            If it is gone, was changed since the run was scored, or cannot be read.
        """
        told = [detail.get("sha256") for detail in self._details("run") if detail.get("run") == run_id]
        made = next((digest for digest in reversed(told) if digest), None)
        wrong = None if made is None else fault(weights, made)
        if wrong is not None:
            raise WeightsError(
                f"{weights} is not what run {run_id} made and was scored with ({wrong}). "
                "Restore the file, or train again."
            )

    def weights_problems(self) -> list[str]:
        """Weights files that are not those that were made, started from or adopted, a sentence each."""
        told = [(detail, "adopted once") for detail in self._details("adopt")]
        trained = self._details("train")
        told += [(detail.get("start") or {}, f"which run {detail.get('run')} started from") for detail in trained]
        # a run that goes on writes its file again: what counts is the last
        made = {detail.get("weights"): detail for detail in self._details("run")}
        told += [(detail, f"made by run {detail.get('run')}") for detail in made.values()]
        found: dict[tuple[str, str], str] = {}
        for detail, how in told:
            weights, digest = detail.get("weights"), detail.get("sha256")
            if not weights or not digest or (weights, digest) in found:
                continue
            wrong = fault(self.path / weights, digest)
            # weights that nobody adopted may be cleared away
            if wrong is not None and (wrong != "gone" or not how.startswith("made")):
                says = {"gone": "the file is gone", "changed": "the file was changed"}
                how = f"{how}: {says.get(wrong, f'the file cannot be read ({wrong})')}"
                found[weights, digest] = f"Weights {weights}, {how}."
        return list(found.values())

    def _details(self, kind: str) -> list[dict[str, Any]]:
        """What the history says in rows of a kind; the audit tells of those that are damaged."""
        found = []
        for (text,) in self._db.rows("SELECT detail FROM history WHERE kind = ? ORDER BY id", kind):
            with suppress(ValueError, TypeError):
                found.append(parse_json(text))
        return [detail for detail in found if isinstance(detail, dict)]


def weights_sha256(weights: str | None, folder: Path) -> str | None:
    """Of a weights file; None where the weights are named by an id.

    Raises
    ------
    WeightsError
        If the file cannot be read.
    """
    if weights is None or not is_there(folder / weights):
        return None
    try:
        return file_sha256(folder / weights)
    except OSError as error:
        raise WeightsError(f"{folder / weights} cannot be read ({error.strerror}). Check who may read it.") from error
