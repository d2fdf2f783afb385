"""A project's training runs and the weights it uses. A part of :class:`Project`."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from napari_medseg.project import history, queries
from napari_medseg.project.database import Database
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
            history.add(db, None, "train", {"run": inserted, "spec": hashlib.sha256(spec_json.encode()).hexdigest()})
        return int(inserted or 0)

    def set_run(self, run_id: int, state: str, *, weights: str | Path | None = None, result: str | None = None) -> None:
        """Note how a run stands; what is None stays."""
        with self._db.transaction() as db:
            db.execute(
                "UPDATE runs SET state = ?, weights = COALESCE(?, weights), result = COALESCE(?, result) WHERE id = ?",
                (state, None if weights is None else str(weights), result, run_id),
            )
            history.add(db, None, "run", {"run": run_id, "state": state})

    def runs(self) -> list[Run]:
        """Runs, oldest first."""
        rows = self._db.rows("SELECT id, folder, state, created, weights, spec, result FROM runs ORDER BY id")
        return [queries.to_run(row, self.path) for row in rows]

    def adopt(self, weights: str | Path | None) -> None:
        """Use these weights (an id or a path) for proposals from now on; None: the bundled ones.

        A path inside the project is stored relative to it: the folder may move.
        """
        if weights is not None and Path(weights).is_relative_to(self.path):
            weights = Path(weights).relative_to(self.path).as_posix()
        with self._db.transaction() as db:
            db.execute("UPDATE project SET adopted = ?", (None if weights is None else str(weights),))
            history.add(db, None, "adopt", {"weights": weights})

    def adopted(self) -> str | None:
        """Weights that were adopted last, an id or a path."""
        row = self._db.row("SELECT adopted FROM project")
        if row is None or row[0] is None:
            return None
        inside = self.path / row[0]
        return str(inside) if inside.is_file() else str(row[0])
