"""All keys in one table: bound from it, shown from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from napari.settings import get_settings


@dataclass(frozen=True, slots=True)
class Key:
    """A key, what it asks for, and how the cheat sheet says it.

    Attributes
    ----------
    key : str
        As napari spells it.
    action : str
    text : str
    """

    key: str
    action: str
    text: str


KEYS = (
    Key("G", "propose", "propose a mask"),
    Key("A", "accept", "accept, open the next image"),
    Key("Shift-N", "next", "next image"),
    Key("Shift-P", "previous", "previous image"),
    Key("N", "next_spot", "next worst spot"),
    Key("P", "previous_spot", "previous worst spot"),
    Key("T", "toggle_mask", "mask on and off"),
    Key("R", "toggle_edges", "edge map on and off"),
    Key("W", "live_wire", "live-wire: click along an edge, double-click closes"),
    Key("S", "snap_brush", "snapping brush"),
    Key("Shift-F", "fill_holes", "fill holes"),
    Key("Shift-S", "smooth", "smooth the rim"),
    Key("Shift-L", "keep_largest", "keep the largest piece"),
    Key("Shift-R", "remove_small", "remove small pieces"),
    Key("Shift-W", "split", "split touching objects"),
    Key("Shift-O", "number_objects", "number the objects, touching ones apart"),
    Key("Shift-I", "interpolate", "fill the slices between drawn ones"),
    Key("Shift-C", "next_plane", "next plane of a volume: axial, coronal, sagittal"),
    Key("Ctrl-Z", "undo", "undo, also after a restart"),
    Key("Ctrl-Shift-Z", "redo", "redo"),
    Key("Shift-B", "draw_boxes", "draw boxes"),
    Key("U", "unlock", "let proposals change what you drew"),
    Key("K", "cheat_sheet", "this list"),
)
# napari's own and the layer's, shown beside ours
OTHERS = (
    ("2 / 1 / 4 / 3", "brush / eraser / fill / polygon"),
    ("5 / 6", "take the label under the mouse / move the image"),
    ("[ / ]", "smaller / larger brush, also the snapping one"),
    ("Enter or double-click", "close the live-wire or the polygon"),
    ("Ctrl+Z, while it is open", "take its last click back; the live-wire's also by Backspace"),
    ("Escape", "give it up; once more: put live-wire or snap brush away"),
    ("Space, held", "move the image, also with a tool on"),
    ("V", "active layer on and off"),
    ("F1", "help for the tab in view"),
)


def key_of(action: str) -> str:
    """The key of an action, as people write it."""
    return next(k.key for k in KEYS if k.action == action).replace("-", "+")


def napari_keys(mode: str) -> list[str]:
    """The keys that napari's settings give a tool of masks, as napari spells them; those of ours are left out.

    Parameters
    ----------
    mode : str
        Of a Labels layer.
    """
    action = {"pick": "picker"}.get(mode, mode)
    bound = map(str, get_settings().shortcuts.shortcuts.get(f"napari:activate_labels_{action}_mode", ()))
    return [key for key in bound if key.upper() not in {ours.key.upper().replace("-", "+") for ours in KEYS}]


def cheat_sheet() -> str:
    """All keys, a line each."""
    rows = [(key.key.replace("-", "+"), key.text) for key in KEYS] + list(OTHERS)
    # no columns: the canvas writes in a proportional font
    return "\n".join(f"{key}  -  {text}" for key, text in rows)


def bind(target: Any, actions: Mapping[str, Callable[[], None]]) -> None:
    """Bind the keys on a viewer or a layer: a Labels layer has keys of its own that would come first."""
    for key in KEYS:
        if key.action in actions:
            call = actions[key.action]
            target.bind_key(key.key, lambda _, call=call: call(), overwrite=True)


def unbind(target: Any) -> None:
    """Give the keys back."""
    for key in KEYS:
        if any(str(bound).upper() == key.key.replace("-", "+").upper() for bound in target.keymap):
            target.bind_key(key.key, None)


def toggle_cheat_sheet(viewer: Any) -> None:
    """Show or hide all keys over the image."""
    overlay = viewer.canvas.overlays.text
    if overlay.visible:
        overlay.visible = False
        return
    overlay.text, overlay.font_size, overlay.box = cheat_sheet(), 9, True
    overlay.position = "top_left"
    overlay.visible = True
