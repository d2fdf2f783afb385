"""What the user chose last time."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from napari_medseg import fields
from napari_medseg.errors import OutputError
from napari_medseg.io import write_text
from napari_medseg.plain import read_plain

# what each may be: a person may have edited the file, and another version may have written it
SETTINGS: Mapping[str, fields.Check] = {
    **dict.fromkeys(
        ("device", "engine", "export_folder", "folder", "format", "order", "patients", "project", "task"), fields.TEXT
    ),
    **dict.fromkeys(
        (
            *(
                "disagreement",
                "draft",
                "edges",
                "export_objects",
                "export_report",
                "export_table",
                "measure_apart",
                "measurements",
                "probability",
            ),
            *("three_planes", "toured"),
        ),
        fields.FLAG,
    ),
    "also": (lambda value: isinstance(value, list), "a list"),
    # by network
    "careful": (
        lambda value: isinstance(value, dict) and all(isinstance(v, bool) for v in value.values()),
        "flags",
    ),
    "brush_size": fields.number(1, 1000),
    "epochs": fields.whole(1, 100_000),
    "minutes": fields.whole(0, 100_000),
    # a mask that cannot be seen is no way to begin a day
    "opacity": fields.number(0.1, 1),
    # seconds of training for each pixel of an image, by network and device
    "pace": (lambda value: isinstance(value, dict) and all(map(fields.number(0, 1e6)[0], value.values())), "numbers"),
    "picked": (lambda value: isinstance(value, dict) and all(map(fields.text, value.values())), "texts by name"),
    "place": (lambda value: isinstance(value, dict), "where the person was"),
    "rescues_seen": fields.number(0, 1e12),
    "smallest_piece": fields.whole(0, 10**9),
    # seconds, by question: see app/waits.py
    "waits": (lambda value: isinstance(value, dict) and all(map(fields.number(0, 1e6)[0], value.values())), "numbers"),
}
# read and written as one: other threads remember things too
_LOCK = threading.Lock()


def settings_path() -> Path:
    """The settings file of this user."""
    return user_config_path("napari-medseg", appauthor=False) / "settings.json"


def load_settings() -> dict[str, Any]:
    """The stored settings; without those that cannot be what they are, empty where the file is damaged or none."""
    try:
        values = fields.parse_json(read_plain(settings_path()))
    except (OSError, ValueError):
        return {}
    if not isinstance(values, dict):
        return {}
    # what later versions store is theirs
    return {name: value for name, value in values.items() if name not in SETTINGS or SETTINGS[name][0](value)}


def save_settings(**values: Any) -> None:
    """Change some settings. Where they cannot be stored they are forgotten: no work depends on them."""
    path = settings_path()
    with _LOCK, suppress(OSError, OutputError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({**load_settings(), **values}, indent=1, sort_keys=True))
