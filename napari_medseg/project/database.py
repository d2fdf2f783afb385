"""The SQLite file: opened, created, migrated; failures told in one sentence."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from napari_medseg import __version__
from napari_medseg.atomic import output_error
from napari_medseg.errors import InputError, OutputError, ProjectError
from napari_medseg.names import one_line
from napari_medseg.project import looks

FILE_NAME = "project.sqlite"
SCHEMA_VERSION = 7


def _volumes(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE cases ADD COLUMN depth INTEGER")
    db.execute("ALTER TABLE cases ADD COLUMN spacing_z REAL")


def _looks_and_classes(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE cases ADD COLUMN look TEXT")
    db.execute(
        "CREATE TABLE classes (label INTEGER PRIMARY KEY CHECK (label BETWEEN 1 AND 255), name TEXT NOT NULL, "
        "colour TEXT NOT NULL)"
    )


def _grids(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE cases ADD COLUMN grid TEXT")


def _indexes(db: sqlite3.Connection) -> None:
    for statement in INDEXES:
        db.execute(statement)


def _boxes(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE revisions ADD COLUMN box TEXT")


def _removed(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE cases ADD COLUMN removed INTEGER NOT NULL DEFAULT 0")


INDEXES = ("CREATE INDEX IF NOT EXISTS cases_of_group ON cases (group_key)", *looks.INDEXES)
# from version n to n + 1
MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {
    1: _volumes,
    2: _looks_and_classes,
    3: _grids,
    4: _indexes,
    5: _boxes,
    6: _removed,
}


class Database:
    """One connection, guarded by one lock, each write a transaction that is on the disk when it returns.

    Parameters
    ----------
    path : Path
        The SQLite file.
    create : bool
        Make it; it must not exist.
    read_only : bool
        Nothing can be written there: a copy is opened, as SQLite needs to write beside what it reads, and older
        versions are brought up to this one. :meth:`seal` ends what may be written into the copy.

    Raises
    ------
    ProjectError
        If the file is no project, damaged, or of a newer version.
    OutputError
        If the disk is full or the folder cannot be written to.
    """

    def __init__(self, path: Path, *, create: bool = False, read_only: bool = False) -> None:
        self.path, self.read_only = path, read_only
        self._sealed = False
        self._copy = _copy(path) if read_only else None
        self._opened = path if self._copy is None else Path(self._copy.name) / FILE_NAME
        self._lock = threading.RLock()
        with self.told():
            self._connection = sqlite3.connect(self._opened, check_same_thread=False, timeout=5.0, isolation_level=None)
        try:
            with self.told():
                self._connection.execute("PRAGMA journal_mode=WAL")
                # FULL: what a commit has returned for survives the loss of power
                self._connection.execute("PRAGMA synchronous=FULL")
                self._connection.execute("PRAGMA foreign_keys=ON")
                if create:
                    self._create()
                self._file = self._which()
                self._migrate()
        except (ProjectError, OutputError):
            self.close()
            raise

    def seal(self) -> None:
        """From now on nothing is written into a copy: it would be lost."""
        self._sealed = self.read_only

    def _create(self) -> None:
        schema = (files("napari_medseg") / "project" / "schema.sql").read_text(encoding="utf-8")
        row = f"INSERT INTO project VALUES (1, {time.time()}, 'napari-medseg {__version__}', 1, NULL)"
        indexes = "; ".join(INDEXES)
        self._connection.executescript(
            f"BEGIN; {schema} {indexes}; {row}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
        )

    def _migrate(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        tables = {row[0] for row in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        # SQLite takes any number there, and a flipped bit makes it a negative one
        if version < 1 or "strokes" not in tables:
            raise ProjectError(f"{self.path} is no project of medseg. Choose a project, or create a new one.")
        if version > SCHEMA_VERSION:
            raise ProjectError(
                f"{self.path} has version {version}; this program knows up to {SCHEMA_VERSION}. Update napari-medseg."
            )
        foreign = self._connection.execute("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')")
        if (found := foreign.fetchone()) is not None:
            raise ProjectError(
                f"{self.path} holds the {found[0]} '{one_line(str(found[1]))}', which changes what is stored or shown; "
                "expected tables alone, as medseg makes them. Restore it from a backup."
            )
        for step in range(version, SCHEMA_VERSION):
            with self.transaction():
                MIGRATIONS[step](self._connection)
                self._connection.execute(f"PRAGMA user_version={step + 1}")

    def _which(self) -> tuple[int, int] | None:
        """Device and number of the file that has the name now."""
        try:
            found = self._opened.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn SQLite's errors into sentences."""
        try:
            yield
        # a damaged schema makes SQLite's own message undecodable
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._sentence(error) from error
        except UnicodeEncodeError as error:
            raise InputError(
                f"a name holds bytes that are no text ({one_line(error.object)}); expected UTF-8. Rename it."
            ) from error

    def _sentence(self, error: Exception) -> ProjectError | OutputError:
        text = str(error).lower()
        if "full" in text:
            return OutputError(f"{self.path} cannot be written: the disk is full. Free space; nothing stored was lost.")
        if "readonly" in text or "unable to open" in text:
            return OutputError(
                f"{self.path} cannot be written: no permission, or a read-only disk. Choose a folder you may write to."
            )
        if "locked" in text or "locking" in text:
            return OutputError(f"{self.path} is locked by another program. Close that program and try again.")
        if "memory" in text or "interrupted" in text:
            return OutputError(f"{self.path} cannot be read or written ({error}). Close other programs and try again.")
        if "disk i/o" in text:
            return OutputError(f"{self.path} cannot be read or written: the disk failed. Check the disk or network.")
        return ProjectError(
            f"{self.path} is damaged or no project ({one_line(str(error))}). Choose another file, or restore it from a "
            "backup."
        )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, on the disk at the end.

        Raises
        ------
        OutputError
            If it could not be stored; then nothing was.
        """
        if self._sealed:
            raise OutputError(
                f"{self.path} cannot be written: no permission, or a read-only disk; it can be looked at, verified and "
                "exported. Copy the project to a folder you may write to."
            )
        with self._lock, self.told():
            # SQLite would go on writing into a file that has no name any more, or another one
            now = self._which()
            if now is None:
                raise OutputError(
                    f"{self.path} is gone: its folder was moved or removed, or a network drive was disconnected. "
                    "Bring it back; what you draw is kept in memory until then."
                )
            if now != self._file:
                raise OutputError(
                    f"{self.path} is another file than the one that was opened: its folder was replaced by a copy. "
                    "Bring the first one back, or close the project and open it again; what you draw is kept in memory."
                )
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other thread reads or writes meanwhile."""
        with self._lock:
            yield

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """To read several tables as they were at one moment."""
        with self._lock, self.told():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def rows(self, query: str, *values: object) -> list[tuple]:
        """All rows of a query."""
        with self._lock, self.told():
            return self._connection.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> tuple | None:
        """The first row of a query, or None."""
        with self._lock, self.told():
            return self._connection.execute(query, values).fetchone()

    def close(self) -> None:
        """Close the connection; SQLite folds its journal into the file."""
        with self._lock:
            self._connection.close()
            if self._copy is not None:
                self._copy.cleanup()


def can_write(path: Path) -> bool:
    """Whether a project's database can be changed: it and its folder, as SQLite writes beside it."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _copy(path: Path) -> tempfile.TemporaryDirectory[str]:
    """The database, and what its journal holds of it, where it can be opened."""
    folder = tempfile.TemporaryDirectory(prefix="medseg-", ignore_cleanup_errors=True)
    try:
        for end in ("", "-wal"):
            source = path.with_name(path.name + end)
            if source.exists():
                target = Path(folder.name) / (FILE_NAME + end)
                shutil.copyfile(source, target)
    except OSError as error:
        folder.cleanup()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise output_error(Path(folder.name), error) from error
        raise ProjectError(f"{path} cannot be read ({error.strerror}). Check who may read it.") from error
    return folder
