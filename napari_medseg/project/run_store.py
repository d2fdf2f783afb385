"""A project's training runs and the weights it uses. A part of :class:`Project`."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

from napari_medseg.project import audit, history, queries
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
            facts = {"run": inserted, "state": "running", "spec": hashlib.sha256(spec_json.encode()).hexdigest()}
            rows = [("runs", inserted, audit.row_sha256(db, "runs", int(inserted or 0)))]
            history.add(db, None, "train", {**facts, "rows": rows})
        return int(inserted or 0)

    def set_run(self, run_id: int, state: str, *, weights: str | Path | None = None, result: str | None = None) -> None:
        """Note how a run stands; what is None stays."""
        with self._db.transaction() as db:
            db.execute(
                "UPDATE runs SET state = ?, weights = COALESCE(?, weights), result = COALESCE(?, result) WHERE id = ?",
                (state, None if weights is None else str(weights), result, run_id),
            )
            facts = {"run": run_id, "state": state, "weights": None if weights is None else str(weights)}
            history.add(db, None, "run", {**facts, "result": result, "sha256": _sha256(weights, self.path)})

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
            history.add(db, None, "adopt", {"weights": weights, "sha256": _sha256(weights, self.path)})

    def adopted(self) -> str | None:
        """Weights that were adopted last, an id or a path."""
        row = self._db.row("SELECT adopted FROM project")
        if row is None or row[0] is None:
            return None
        inside = self.path / row[0]
        return str(inside) if inside.is_file() else str(row[0])

    def weights_problems(self) -> list[str]:
        """Weights files that are not those that were adopted, a sentence each."""
        found = []
        for (text,) in self._db.rows("SELECT detail FROM history WHERE kind = 'adopt' ORDER BY id"):
            try:
                detail = json.loads(text)
            except (ValueError, TypeError):
                # the audit of the history says so
                continue
            now = _sha256(detail["weights"], self.path)
            if detail.get("sha256") and now != detail["sha256"]:
                how = "is gone" if now is None else "was changed"
                found.append(f"Weights {detail['weights']}, adopted once: the file {how}.")
        return found


def _sha256(weights: str | Path | None, folder: Path) -> str | None:
    """Of a weights file; None where the weights are named by an id."""
    path = None if weights is None else folder / weights
    return hashlib.sha256(path.read_bytes()).hexdigest() if path is not None and path.is_file() else None
