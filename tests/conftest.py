"""Nothing of the tests touches the user's own settings."""

import os
import subprocess

import pytest
from hypothesis import settings

from napari_medseg import log

os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
# small tensors: more threads only wait for each other, most of all on a busy machine
os.environ.setdefault("OMP_NUM_THREADS", "1")
# napari reads no settings of the user, and writes none at each change
os.environ["NAPARI_CONFIG"] = ""

# properties: the suite tries the same inputs each time, so that it says something of a change and not of its luck, and
# however long one takes; `make search` looks for new inputs
settings.register_profile("suite", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None, max_examples=500, print_blob=True)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def own_settings(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("user")
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(folder))
    # no measurement in the background, but where a test is about it
    monkeypatch.setenv("MEDSEG_ENGINE", "torch")
    monkeypatch.setattr("napari_medseg.app.settings.settings_path", lambda: folder / "settings.json")
    # however busy the computer is, no network is slow, but where a test is about it
    monkeypatch.setattr("napari_medseg.app.waits.SLOW", 1e6)
    monkeypatch.setattr("napari_medseg.app.waits._HERE", {})
    yield
    log.tear_down()


@pytest.fixture
def short_epochs(monkeypatch):
    """Rounds draw few images an epoch: for tests of what happens around them, not of what they learn."""
    monkeypatch.setattr("napari_medseg.app.plan_round.LEAST_DRAWN", 4)
    monkeypatch.setattr("napari_medseg.app.plan_round.LEAST_ANCHORS", 2)


@pytest.fixture
def trainers(monkeypatch, short_epochs):
    """No trainer is started as a process: rounds get fake ones, which this gives."""
    from tests.fake_trainer import FakeTrainers

    made = FakeTrainers()
    monkeypatch.setattr("napari_medseg.app.round.OwnTrainer", made.start)
    yield made
    made.end()


@pytest.fixture
def mount_small(tmp_path):
    """Mounts a file system of so many kB, and gives its folder."""
    mounted = []

    def mount(kilobytes):
        folder = tmp_path / "small"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("mounting a small file system needs root on Linux")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)
