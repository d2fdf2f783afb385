"""``medseg predict``: masks of files, by this process or by many."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from napari_medseg.cli.output import (
    DEFAULT_FORMAT,
    Anatomy,
    Code,
    Format,
    Network,
    Overwrite,
    Patient,
    Report,
    print_done,
    progress_bar,
    tell_left_out,
)

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Engine = Annotated[
    str,
    typer.Option(help="What runs the network on the CPU: auto (the quickest here), torch, onnxruntime or openvino."),
]
Weights = Annotated[str, typer.Option(help="Id, task or file, see 'medseg weights list'.")]


def _member(text: str) -> tuple[str, str]:
    from napari_medseg.errors import InputError

    network, colon, weights = text.partition(":")
    if not (network and colon and weights):
        raise InputError(f"--also is '{text}'; expected NETWORK:WEIGHTS, such as lgms-net:generalist. Correct it.")
    return network, weights


def predict(
    paths: Annotated[list[Path], typer.Argument(help="Images, or folders of images.")],
    weights: Weights,
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    network: Network = "cmunext-xxs",
    format: Format = DEFAULT_FORMAT,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Also write the probability map, of several classes one each.")
    ] = False,
    edges: Annotated[bool, typer.Option("--edges", help="Also write the edge map (SGD-Net).")] = False,
    objects: Annotated[bool, typer.Option("--objects", help="Also write each object by a number.")] = False,
    boxes: Annotated[
        Optional[Path], typer.Option(help="JSON or CSV file of boxes to segment, for networks that take boxes.")
    ] = None,
    most_boxes: Annotated[
        Optional[int], typer.Option(min=1, help="Of the boxes that a network finds, segment at most so many.")
    ] = None,
    tta: Annotated[
        Optional[bool],
        typer.Option(
            "--tta/--no-tta", help="Segment mirrored copies too and take the mean; SGD-Net (small) does so of images."
        ),
    ] = None,
    also: Annotated[
        Optional[list[str]], typer.Option(help="NETWORK:WEIGHTS of a further network; the mean is taken. Repeatable.")
    ] = None,
    disagreement: Annotated[
        bool, typer.Option("--disagreement", help="Also write where copies and networks disagree.")
    ] = False,
    size: Annotated[Optional[int], typer.Option(help="Side of the network's input, px.")] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Probability from which a pixel counts.")] = 0.5,
    code: Code = None,
    anatomy: Anatomy = None,
    patient: Patient = False,
    report: Report = False,
    overwrite: Overwrite = False,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing", help="Go on where it was ended: images whose results are there are passed over."
        ),
    ] = False,
    device: Device = "auto",
    engine: Engine = "auto",
    pixel_um: Annotated[
        Optional[float],
        typer.Option(
            "--pixel-size", help="Of images larger than memory: side of a pixel as the network is to see it, um."
        ),
    ] = None,
    workers: Annotated[Optional[int], typer.Option(min=1, help="So many processes of this computer work.")] = None,
    scheduler: Annotated[
        Optional[str], typer.Option(help="Address of a Dask scheduler whose workers work, such as tcp://host:8786.")
    ] = None,
    tls_ca: Annotated[Optional[Path], typer.Option(help="For tls:// schedulers: file of the authority.")] = None,
    tls_cert: Annotated[Optional[Path], typer.Option(help="For tls:// schedulers: file of the certificate.")] = None,
    tls_key: Annotated[Optional[Path], typer.Option(help="For tls:// schedulers: file of the key.")] = None,
    resource: Annotated[
        Optional[list[str]], typer.Option(help="NAME=NUMBER that a worker has to have, such as GPU=1. Repeatable.")
    ] = None,
) -> None:
    """Propose a mask for each image."""
    from napari_medseg.app.cluster_options import Workers, parse_resources
    from napari_medseg.app.coding import parse_coded, with_report
    from napari_medseg.app.predict import PredictRequest
    from napari_medseg.app.predict_files import predict_files
    from napari_medseg.weights.store import find_weights

    entry, _ = find_weights(network, weights)
    named = dict(zip(entry.labels, entry.classes, strict=True))
    coded = parse_coded(code or [], anatomy or [], named, patient=patient, task=entry.task)
    coded = with_report(coded, format) if report else coded
    request = PredictRequest(
        network=network,
        weights=weights,
        device=device,
        size=size,
        threshold=threshold,
        most_boxes=most_boxes,
        mirrored=tta,
        also=tuple(_member(text) for text in also or ()),
        pixel_um=pixel_um,
        engine=engine,
    )
    files = {"ca": tls_ca, "cert": tls_cert, "key": tls_key}
    team = Workers(
        count=workers,
        scheduler=scheduler,
        tls={name: str(file.absolute()) for name, file in files.items() if file is not None},
        resources=parse_resources(resource or []),
    )
    tell_left_out(paths)
    with print_done(), progress_bar() as progress:
        written = predict_files(
            paths,
            request,
            out,
            format=format,
            probabilities=probabilities,
            edges=edges,
            disagreement=disagreement,
            objects=objects,
            boxes=boxes,
            overwrite=overwrite,
            skip_existing=skip_existing,
            coded=coded,
            workers=team,
            progress=progress,
            tell=lambda text: typer.echo(text, err=True),
        )
    for path in written:
        typer.echo(path)
