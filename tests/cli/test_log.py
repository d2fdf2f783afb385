"""What the command line tells, and what it keeps for a report."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_medseg import log
from napari_medseg.cli.output import print_table, progress_bar
from tests.cli.helpers import NUCLEI, refused

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")


def test_an_error_is_in_the_log_without_its_names(medseg, tmp_path):
    file = tmp_path / "Meier.png"
    refused(medseg("predict", file, "--weights", "nuclei", "--out", tmp_path / "o"), "Meier.png cannot be read")
    text = log.default_path().read_text()
    assert "ImageReadError" in text and "Meier" not in text


def test_an_unexpected_error_names_the_log_and_ends_with_1(medseg, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise KeyError("Meier")

    monkeypatch.setattr("napari_medseg.weights.list_weights", fail)
    got = medseg("--log-file", tmp_path / "a.log", "weights", "list")
    refused(got, "Unexpected KeyError: 'Meier'. Please report this with", tmp_path / "a.log", code=1)
    text = (tmp_path / "a.log").read_text()
    assert "napari_medseg.cli.weights:" in text and "builtins.KeyError" in text and "Meier" not in text


def test_verbose_shows_where_it_came_from(medseg, tmp_path):
    code, _, err = medseg(
        "--verbose", "predict", tmp_path / "Meier.png", "--weights", "nuclei", "--out", tmp_path / "o"
    )
    assert code == 2 and "Traceback" in err and "Meier.png cannot be read" in err


def test_a_log_is_not_written_into_a_file_of_the_user(medseg, tmp_path):
    own = tmp_path / "Meier.png"
    own.write_bytes(b"a picture")
    refused(medseg("--log-file", own, "weights", "list"), own, "holds other than a log")
    assert own.read_bytes() == b"a picture"


def test_a_log_goes_on_where_it_ended(medseg, tmp_path):
    for _ in range(2):
        assert medseg("--log-file", tmp_path / "a.log", "weights", "list")[0] == 0
    assert (tmp_path / "a.log").read_text().count("started") == 2


def test_where_no_log_can_be_written_is_told(medseg, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for where in (tmp_path, tmp_path / "file" / "a.log"):
        refused(medseg("--log-file", where, "weights", "list"), where, "no log can be written")


def test_names_are_shown_as_they_are(capsys):
    print_table("[bold]p", ("image",), [("[left] eye",), ("a\x1b[31m\nb",), ("[/x]",)])
    out = capsys.readouterr().out
    assert all(text in out for text in ("[bold]p", "[left] eye", "a\\x1b[31m\\nb", "[/x]"))
    with progress_bar() as progress:
        progress(0.5, "[/x]")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_a_name_that_is_no_text_is_shown(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/M\xfcller.png"))
    odd.write_bytes(NUCLEI[0].image.read_bytes())
    command = [sys.executable, "-m", "napari_medseg.cli"]
    for arguments in (
        ["project", "create", tmp_path / "p"],
        ["project", "add", tmp_path / "p", folder],
        ["project", "status", tmp_path / "p"],
        ["project", "verify", tmp_path / "p"],
    ):
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr


@linux
@pytest.mark.parametrize("command", ["app", "demo"])
@pytest.mark.parametrize(("display", "says"), [(None, "there is no display"), (":7777", "':7777' cannot be opened")])
def test_without_a_display_it_says_so(tmp_path, command, display, says):
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    if display is not None:
        environment["DISPLAY"] = display
    done = subprocess.run(
        [sys.executable, "-m", "napari_medseg.cli", command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert says in done.stderr and len(done.stderr.splitlines()) == 1
