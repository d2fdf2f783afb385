"""``medseg export-model``: weights that other programs run."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from napari_medseg.cli.output import Network, Overwrite


def export_model(
    weights: Annotated[str, typer.Option(help="Id, task or file, see 'medseg weights list'.")],
    out: Annotated[Path, typer.Option(help="The file to write: .onnx, or .xml for openvino. A .json goes beside it.")],
    network: Network = "cmunext-xxs",
    format: Annotated[str, typer.Option(help="onnx or openvino.")] = "onnx",
    size: Annotated[Optional[int], typer.Option(help="Side of the network's input, px.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a network with its weights for other programs, and what stands before and behind it."""
    from napari_medseg.app.export_model import export_model as run

    for path in run(network, weights, out, format=format, size=size, overwrite=overwrite):
        typer.echo(path)
