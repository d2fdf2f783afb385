"""The rules of the house, enforced."""

import subprocess
import sys

import pytest


def test_imports_only_point_down():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--config", "setup.cfg"],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout


LIGHT = ["napari_medseg", "napari_medseg.cli", "napari_medseg.project", "napari_medseg.io", "napari_medseg.networks"]
LIGHT += ["napari_medseg.weights", "napari_medseg.inference", "napari_medseg.app.predict", "napari_medseg.editing"]


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_pull_in_neither_torch_nor_napari(module):
    code = f"import sys, {module}; sys.exit(any(m in sys.modules for m in ('torch', 'napari', 'monai', 'qtpy')))"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
