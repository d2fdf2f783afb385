"""What the user chose last time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from napari_medseg.errors import OutputError
from napari_medseg.io import write_text


def settings_path() -> Path:
    """The settings file of this user."""
    return user_config_path("napari-medseg", appauthor=False) / "settings.json"


def load_settings() -> dict[str, Any]:
    """The stored settings; empty where there are none or the file is damaged."""
    try:
        values = json.loads(settings_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def save_settings(**values: Any) -> None:
    """Change some settings. Where they cannot be stored they are forgotten: no work depends on them."""
    path = settings_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({**load_settings(), **values}, indent=1, sort_keys=True))
    except (OSError, OutputError):
        return
