"""The log tells where something failed, and no name of a patient, a file, a layer or a case."""

import ast
import logging
import sqlite3
import sys
import weakref
from pathlib import Path

import pytest

import napari_medseg
import src_train
from napari_medseg import log
from napari_medseg.app.images import add_images
from napari_medseg.errors import InputError, MedsegError, OutputError, sentence
from napari_medseg.io import read_image
from napari_medseg.project import Project

# as files, layers and cases are called
NAMES = ["Meier Hans 1957-03-02", "Müller_01", "肝臓", "plate 1", "ward7"]


@pytest.fixture
def written(tmp_path):
    """The text of the log as it is now."""
    path = tmp_path / "log" / "medseg.log"
    log.set_up(path)
    return lambda: path.read_text(encoding="utf-8")


def _raise(error):
    raise error


def provoke(folder, name):
    """Errors as they come, with a name in each."""
    project = Project.create(folder / "project")
    yield lambda: read_image(folder / f"{name}.png")
    yield lambda: read_image(folder / f"{name}.nii.gz")
    yield lambda: project.hold_out(name) or _raise(KeyError(name))
    yield lambda: {}[name]
    yield lambda: int(name)
    yield lambda: (folder / name / "x.png").read_bytes()
    yield lambda: sqlite3.connect(":memory:").execute(f'SELECT "{name}" FROM "{name}"')
    yield lambda: project.set_class(300, name, "#ffffff")
    yield lambda: project.add_case(folder / f"{name}.png", shape=(8, 8))
    yield lambda: _raise(type(name.partition(" ")[0].partition("-")[0], (ValueError,), {})(name))
    code = compile(f"raise ValueError({name!r})", f"/home/{name}.py", "exec")
    yield lambda: exec(code, {"__name__": name})
    project.close()


@pytest.mark.parametrize("name", NAMES)
def test_no_name_comes_into_it(tmp_path, written, name):
    shown = []
    for call in provoke(tmp_path, name):
        with pytest.raises((MedsegError, LookupError, ValueError, OSError, sqlite3.Error)) as caught:
            call()
        with pytest.raises(OutputError) as told:
            raise OutputError(f"{name} cannot be written") from caught.value
        shown.append(sentence(told.value))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / f"{name}.png").write_bytes(b"none")
    with Project.create(tmp_path / "p") as project:
        _, refused = add_images(project, [tmp_path / "images"])
        assert refused
    text = written()
    assert text.count("caught") >= 9
    # the kind of an error may be called as its maker likes; all others are no more than places
    for part in (name, ascii(name)[1:-1], *(p for p in name.replace("_", " ").replace("-", " ").split() if len(p) > 3)):
        kept = [line for line in text.splitlines() if part in line and not line.startswith("  tests.")]
        assert kept == []


def test_where_it_failed_stands_in_it(tmp_path, written):
    with pytest.raises(InputError) as caught:
        read_image(tmp_path / "gone.png")
    sentence(caught.value)
    text = written()
    assert "napari_medseg.errors.ImageReadError" in text
    assert "napari_medseg.io.formats:" in text and "_read: raise " in text
    assert "FileNotFoundError (ENOENT)" in text
    assert "numpy " in text.splitlines()[0] and "Python 3." in text.splitlines()[0]


def test_an_error_that_nobody_foresaw_is_shown_with_the_log(tmp_path, written):
    said = sentence(KeyError("x" * 999))
    assert said.startswith("Unexpected KeyError: 'xxx") and len(said) < 500 + len(str(tmp_path))
    assert f"Please report this with {tmp_path / 'log' / 'medseg.log'}" in said
    assert "ERROR" in written() and "KeyError" in written()


def test_it_is_written_once(written):
    error = ValueError("a")
    sentence(error)
    sentence(error)
    assert written().count("caught") == 1


def test_what_an_error_holds_is_not_kept_alive(written, caplog):
    class Window:
        pass

    def fail():
        window = Window()
        gone.append(weakref.ref(window))
        raise ValueError("a")

    gone = []
    try:
        fail()
    except ValueError as error:
        sentence(error)
    assert caplog.records and gone[0]() is None


def test_without_a_log_nothing_is_promised(tmp_path):
    assert "Please report this; nothing" in sentence(KeyError("x"))
    (tmp_path / "file").write_text("")
    log.set_up(tmp_path / "file" / "medseg.log")
    assert "Please report this; nothing" in sentence(KeyError("x"))


def test_texts_put_into_a_record_stay_out(written):
    logger = logging.getLogger("napari_medseg.io")
    logger.warning("read %s, %d px, %s", Path("/a/Meier.png"), 5, "Meier", extra={"known": "cmunext-xxs"})
    assert "read <text>, 5 px, <text>: cmunext-xxs" in written() and "Meier" not in written()


def test_it_goes_round(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "_BYTES", 2000)
    log.set_up(tmp_path / "medseg.log")
    for _ in range(200):
        logging.getLogger("napari_medseg").info("a line of the log")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"medseg.log{end}" for end in ("", ".1", ".2", ".3")]
    assert all(path.stat().st_size <= 2000 for path in tmp_path.iterdir())


def test_every_text_of_a_record_is_the_program_s_own():
    """A text that is put together before it is logged would hide names from the formatter."""
    levels = {"debug", "info", "warning", "error", "exception", "critical"}
    found = 0
    for package in (napari_medseg, src_train):
        for path in Path(package.__file__).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in levels | {"log"}
                ):
                    owner = node.func.value
                    if isinstance(owner, ast.Name) and owner.id.lower() in ("_log", "logger", "logging"):
                        first = node.args[1] if node.func.attr == "log" else node.args[0]
                        assert isinstance(first, ast.Constant) and isinstance(first.value, str), path
                        found += 1
    assert found


def test_verbose_says_it_on_stderr_with_the_words(tmp_path, capsys):
    log.set_up(tmp_path / "medseg.log", verbose=True)
    sentence(InputError("Meier.png is odd"))
    assert "Meier.png is odd" in capsys.readouterr().err
    assert "Meier" not in (tmp_path / "medseg.log").read_text()
    assert sys.stderr is not None
