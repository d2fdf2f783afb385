"""The tools under the mouse: what each is called, and where it works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari.layers import Labels

from napari_medseg.widgets.keys import key_of, napari_keys
from napari_medseg.words import mark, tr

WIRE, SNAP = "live_wire", "snap_brush"
OWN = (WIRE, SNAP)


@dataclass(frozen=True, slots=True)
class Tool:
    """One button.

    Attributes
    ----------
    name : str
        napari's mode, or of ours the action of its key.
    icon : str
    text : str
        Shown by tr.
    draws : bool
        A click with it changes the mask.
    flat : bool
        It works in slices only.
    """

    name: str
    icon: str
    text: str
    draws: bool = True
    flat: bool = False


TOOLS = (
    Tool("pan_zoom", "pan_arrows", mark("Move the image: with any other tool, hold Space"), draws=False),
    Tool("paint", "paint", mark("Brush: paints the chosen label")),
    Tool("erase", "erase", mark("Eraser")),
    Tool("fill", "fill", mark("Fill: a click gives a whole area the chosen label")),
    Tool(
        "polygon",
        "polygon_lasso",
        mark("Polygon: click its corners, double-click closes; right-click: one back"),
        flat=True,
    ),
    Tool("pick", "picker", mark("Picker: a click takes the label under the mouse"), draws=False),
    Tool(
        WIRE, WIRE, mark("Live-wire: click along an edge, double-click closes and fills; Ctrl+Z: one back"), flat=True
    ),
    Tool(SNAP, SNAP, mark("Snap brush: paints, and its rim snaps to the edge, where there is one"), flat=True),
)
NAMED = {tool.name: tool for tool in TOOLS}


def tip(tool: Tool) -> str:
    """What a tool does, and its key."""
    keys = [key_of(tool.name)] if tool.name in OWN else napari_keys(tool.name)
    return tr(tool.text) + (f"  ({keys[0].replace('-', '+')})" if keys else "")


def rests(tool: Tool, dims: Any, mask: Labels) -> str | None:
    """Why a tool does nothing on a mask in the view as it is, and what to do; None: it works.

    Parameters
    ----------
    tool : Tool
    dims : napari.components.Dims
        Of the view.
    mask : Labels
    """
    if tool.name == "pan_zoom":
        return None
    if not mask.editable:
        return tr("napari cannot draw on this mask: it is not editable.")
    if tool.flat and dims.ndisplay != 2:
        return tr("It works in slices: show the volume in 2D (the button with the cube below the list of layers).")
    if tool.name == "polygon" and mask.n_edit_dimensions != 2:
        return tr("It works in one slice: set 'n edit dim' to 2 in the layer controls.")
    if tool.name in OWN and tuple(dims.displayed) != tuple(range(dims.ndim))[-2:]:
        return tr("It works in the slices that the image is made of: turn the volume back to them.")
    return None
