"""All keys in one table: bound from it, shown from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from napari.settings import get_settings

from napari_medseg.words import mark, tr


@dataclass(frozen=True, slots=True)
class Key:
    """A key, what it asks for, and how the cheat sheet says it.

    Attributes
    ----------
    key : str
        As napari spells it.
    action : str
    text : str
        Shown by tr.
    decides : bool
        Acts on the mask that is shown: a press from before it was shown does not count (see presses.py).
    """

    key: str
    action: str
    text: str
    decides: bool = False


KEYS = (
    Key("G", "propose", mark("propose a mask"), decides=True),
    Key("A", "accept", mark("accept, open the next image"), decides=True),
    Key("Shift-N", "next", mark("next image")),
    Key("Shift-P", "previous", mark("previous image")),
    Key("N", "next_spot", mark("next place to check"), decides=True),
    Key("P", "previous_spot", mark("previous place to check"), decides=True),
    Key("T", "toggle_mask", mark("mask on and off")),
    Key("R", "toggle_edges", mark("edge map on and off")),
    Key("W", "live_wire", mark("live-wire: click along an edge, double-click closes")),
    Key("S", "snap_brush", mark("snapping brush")),
    Key("Shift-F", "fill_holes", mark("fill holes"), decides=True),
    Key("Shift-S", "smooth", mark("smooth the rim"), decides=True),
    Key("Shift-L", "keep_largest", mark("keep the largest piece"), decides=True),
    Key("Shift-R", "remove_small", mark("remove small pieces"), decides=True),
    Key("Shift-W", "split", mark("split touching objects"), decides=True),
    Key("Shift-O", "number_objects", mark("number the objects, touching ones apart"), decides=True),
    Key("Shift-I", "interpolate", mark("fill the slices between drawn ones"), decides=True),
    Key("Shift-E", "to_neighbours", mark("corrected slices to their neighbours; once more: take them"), decides=True),
    Key("Shift-Z", "look_closely", mark("on a slide: a frame to draw in, here")),
    Key("Shift-C", "next_plane", mark("next plane of a volume: axial, coronal, sagittal")),
    Key("Shift-M", "measure", mark("table of measurements")),
    Key("Ctrl-Z", "undo", mark("undo, also after a restart"), decides=True),
    Key("Ctrl-Shift-Z", "redo", mark("redo"), decides=True),
    Key("Shift-B", "draw_boxes", mark("draw boxes")),
    Key("U", "unlock", mark("let proposals overwrite what you drew"), decides=True),
    Key("K", "cheat_sheet", mark("this list")),
)
# napari's own and the layer's, shown beside ours
OTHERS = (
    ("2 / 1 / 4 / 3", mark("brush / eraser / fill / polygon")),
    ("5 / 6", mark("take the label under the mouse / move the image")),
    ("[ / ]", mark("smaller / larger brush, also the snapping one")),
    (mark("Enter or double-click"), mark("close the live-wire or the polygon")),
    (mark("Ctrl+Z, while it is open"), mark("take its last click back; the live-wire's also by Backspace")),
    (mark("Escape"), mark("give it up; once more: put live-wire or snap brush away")),
    (mark("Space, held"), mark("move the image, also with a tool on")),
    ("V", mark("active layer on and off")),
    ("F1", mark("help for the tab in view")),
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


def rows() -> list[tuple[str, str]]:
    """All keys, and what each does, as people write them."""
    return [(key.key.replace("-", "+"), tr(key.text)) for key in KEYS] + [(tr(keys), tr(text)) for keys, text in OTHERS]


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
