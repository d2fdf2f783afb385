"""The command line as scripts see it."""

import shutil
import sys

import pytest

from napari_medseg.cli import main
from tests.cli.helpers import NUCLEI


@pytest.fixture
def medseg(monkeypatch, capsys):
    """Run a command as the console script does: (exit code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["medseg", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def folders(tmp_path):
    """Two images with masks."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for sample in NUCLEI[:2]:
        shutil.copy(sample.image, tmp_path / "images")
        shutil.copy(sample.mask, tmp_path / "masks" / (sample.image.stem + sample.mask.suffix))
    return tmp_path / "images", tmp_path / "masks"
