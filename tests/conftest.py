"""Nothing of the tests touches the user's own settings."""

import os

import pytest

os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")


@pytest.fixture(autouse=True)
def own_settings(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("user")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr("napari_medseg.app.settings.settings_path", lambda: folder / "settings.json")
