"""Accuracy of the bundled weights on val splits: ``python benchmarks/accuracy.py DATA [--sheets DIR]``.

DATA is laid out as ``train_bundled.py`` says. Each weights file is scored on the sets of its domains, those it was
trained on and others of the same kind, by the predictor that users run, each image at its own size; intervals are 95 %
by bootstrap over images. ``--sheets`` writes a picture for each weights file: best, median and worst cases of each set,
the reference in green, the network in orange. With ``--shippable`` only sets that may be shown in public are drawn.
``--manifest`` writes what a file of several kinds reaches on each into the manifest: by it the window chooses.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from facts import machine, report
from PIL import Image, ImageDraw
from plans import DOMAINS
from train_bundled import read_split

from napari_medseg.app.evaluate import evaluate
from napari_medseg.app.pictures import draw_contours
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.io import read_image, read_mask, stem_of, write_text
from napari_medseg.weights import WeightsEntry, list_weights
from napari_medseg.weights.store import bundled_folder

# of one kind each: what a specialist is scored on, trained on it or not
KINDS = {
    "dermoscopy": ("isic2017", "isic2016_test", "ph2"),
    "breast-ultrasound": ("busi", "stu_hospital", "breast_lesions_usg_mini", "bus_bra_mini"),
    "thyroid-ultrasound": ("ddti",),
    "polyp": ("kvasir_seg", "cvc_clinicdb", "cvc300_mini", "cvc_colondb_mini", "etis_mini"),
    "nuclei": ("dsb2018_nuclei", "monuseg_nuclei", "tnbc_nuclei_mini"),
    "stained-nuclei": ("monuseg_nuclei", "tnbc_nuclei_mini", "dsb2018_nuclei"),
    "brain-mri": ("lgg_mri", "brain_tumor_cheng", "brisc2025_mini"),
    "kidney-stones": ("kidney_stone_ct",),
}
VOLUMES = {"hippocampus": ("msd_hippocampus_3d",)}
SHIPPABLE = ("isic2017", "isic2016_test", "dsb2018_nuclei", "breast_lesions_usg_mini", "brisc2025_mini")
# the aims of our issues, and the papers' own figures where they have one (F1 is Dice; other splits, longer training)
AIMS = {
    "isic2017": 0.87, "isic2016_test": 0.915, "ph2": 0.91, "busi": 0.81, "stu_hospital": 0.88, "kvasir_seg": 0.89,
    "cvc_clinicdb": 0.88, "ddti": 0.77, "lgg_mri": 0.80, "dsb2018_nuclei": 0.90, "monuseg_nuclei": 0.75,
    "kidney_stone_ct": 0.50, "msd_hippocampus_3d": 0.87,
}  # fmt: skip
PAPERS = {
    "cmunext-xxs": {"isic2016_test": 0.918, "busi": 0.789},
    "dymas-net": {
        "busi": 0.7845, "breast_lesions_usg_mini": 0.8534, "stu_hospital": 0.9076, "ddti": 0.91, "isic2017": 0.8917,
    },
    "lgms-net": {"busi": 0.8182, "kvasir_seg": 0.9304, "ph2": 0.9192, "cvc300_mini": 0.8245},
    "sgd-net": {"ph2": 0.9293},
    "dcsnet": {"brain_tumor_cheng": 0.8367, "kvasir_seg": 0.9297, "kidney_stone_ct": 0.7743},
}  # fmt: skip
COLUMNS = (
    *("weights", "set", "trained on", "n", "dice", "iou", "precision", "recall", "dice 95 %", "hd95 px", "s an image"),
    *("aim", "paper"),
)
TILE = 120


def sets_of(entry: WeightsEntry) -> tuple[str, ...]:
    """What a weights file is scored on."""
    if entry.task == "generalist":
        return tuple(dict.fromkeys(name for names in KINDS.values() for name in names))
    return {**KINDS, **VOLUMES}.get(entry.task, entry.trained_on)


def paper_of(network: str, name: str) -> float | str:
    """The paper's figure; a small size is held against its paper's."""
    return PAPERS.get(network.removesuffix("-s"), {}).get(name, "")


def pairs_of(data: Path, name: str) -> list[tuple[Path, Path]]:
    """The val split of a set."""
    return [(Path(pair.image), Path(pair.mask)) for pair in read_split(data, name, "val")]


def row_of(entry: WeightsEntry, name: str, figures: dict[str, Any]) -> tuple[Any, ...]:
    """A row of the table."""
    mean, (low, high) = figures["mean"], figures["interval95"]["dice"]
    return (
        entry.id, name, "yes" if name in entry.trained_on else "no", figures["n"],
        *(round(mean[k], 4) for k in ("dice", "iou", "precision", "recall")),
        f"{low:.3f} to {high:.3f}", round(mean["hd95"], 1), round(mean["seconds"], 3),
        AIMS.get(name, ""), paper_of(entry.network, name),
    )  # fmt: skip


def kinds_of(entry: WeightsEntry, rows: list[tuple[Any, ...]]) -> dict[str, dict[str, Any]]:
    """Dice of a file of several kinds on each: over all images of the sets that it was trained on."""
    of_entry = {row[1]: row for row in rows if row[0] == entry.id and row[2] == "yes"}
    found = {}
    for kind in KINDS:
        scored = [of_entry[name] for name in DOMAINS[domain_of(kind)].sets if name in of_entry]
        count = sum(row[3] for row in scored)
        if count:
            found[kind] = {"dice": round(sum(row[3] * row[4] for row in scored) / count, 4), "n": count}
    return found if len(found) > 1 else {}


def domain_of(kind: str) -> str:
    """A task's domain in the plans."""
    return {"brain-mri": "brain MRI", "kidney-stones": "kidney-stone CT"}.get(kind, kind.replace("-", " "))


def write_kinds(kinds: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Into the manifest, for the files that were scored."""
    path = bundled_folder().parent / "manifest.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    for value in values["weights"]:
        value["kinds"] = kinds.get(value["id"], {}) or value.get("kinds", {})
    write_text(path, json.dumps(values, indent=1) + "\n")


def chosen(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Two best, two in the middle, three worst."""
    ordered = sorted(cases, key=lambda case: -case["dice"])
    if len(ordered) < 7:
        return ordered
    middle = len(ordered) // 2
    return [*ordered[:2], *ordered[middle - 1 : middle + 1], *ordered[-3:]]


def tiles_of(pairs: list[tuple[Path, Path]], cases: list[dict[str, Any]], request: PredictRequest) -> list[Image.Image]:
    """A picture of each chosen case, its Dice in the corner."""
    by_name = {stem_of(image): (image, mask) for image, mask in pairs}
    tiles = []
    for case in chosen(cases):
        image_path, mask_path = by_name[case["name"]]
        image, mask = read_image(image_path), read_mask(mask_path)
        labels = predict_array(image.data, request, spacing=image.spacing).labels
        data = image.data
        if image.volume:
            z = int((mask > 0).sum(axis=(1, 2)).argmax())
            data, mask, labels = data[z], mask[z], labels[z]
        picture = Image.fromarray(draw_contours(data, mask, labels))
        picture.thumbnail((TILE, TILE))
        tile = Image.new("RGB", (TILE, TILE))
        tile.paste(picture, ((TILE - picture.width) // 2, (TILE - picture.height) // 2))
        ImageDraw.Draw(tile).text((4, 2), f"{case['dice']:.2f}", fill=(255, 255, 255))
        tiles.append(tile)
    return tiles


def write_sheet(path: Path, rows: dict[str, list[Image.Image]]) -> None:
    """All tiles of one weights file, a row a set."""
    label, gap = 150, 4
    width = label + 7 * (TILE + gap)
    sheet = Image.new("RGB", (width, len(rows) * (TILE + gap)), (255, 255, 255))
    for number, (name, tiles) in enumerate(rows.items()):
        y = number * (TILE + gap)
        ImageDraw.Draw(sheet).text((6, y + TILE // 2 - 6), name, fill=(0, 0, 0))
        for i, tile in enumerate(tiles):
            sheet.paste(tile, (label + i * (TILE + gap), y))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=85)


def write_markdown(path: Path, rows: list[tuple[Any, ...]]) -> None:
    """The table as a page."""
    facts = ", ".join(f"{key}: {value}" for key, value in machine().items() if key not in ("load", "threads"))
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for row in rows:
        cells = (f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    write_text(path, "\n".join([*lines, "", f"Measured on: {facts}.", ""]))


def main() -> None:
    """Score every bundled file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", action="append", help="only these (an id, or NETWORK=FILE)")
    parser.add_argument("--sets", nargs="+", help="only these")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--tta", action=argparse.BooleanOptionalAction, help="segment mirrored copies too, or not; default: as declared"
    )
    parser.add_argument("--sheets", type=Path, help="folder for pictures")
    parser.add_argument("--shippable", action="store_true", help="draw only sets that may be shown in public")
    parser.add_argument("--manifest", action="store_true", help="write the figures by kind into the manifest")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows, kinds = [], {}
    for entry, request in asked(options.weights, device=options.device, tta=options.tta):
        sheet = {}
        for name in sets_of(entry):
            if options.sets and name not in options.sets:
                continue
            pairs = pairs_of(options.data, name)
            figures = evaluate(pairs, request)
            rows.append(row_of(entry, name, figures))
            print(*rows[-1], flush=True)
            if options.sheets and (name in SHIPPABLE or not options.shippable):
                title = f"{name}\nDice {figures['mean']['dice']:.3f}\nn = {figures['n']}"
                sheet[title] = tiles_of(pairs, figures["cases"], request)
        if sheet:
            write_sheet(options.sheets / f"{entry.network}-{entry.task}.jpg", sheet)
        kinds[entry.id] = kinds_of(entry, rows)
    print()
    report(COLUMNS, rows, json_path=options.json)
    if options.manifest:
        write_kinds(kinds)
    if options.markdown:
        write_markdown(options.markdown, rows)


def asked(wanted: list[str] | None, *, device: str, tta: bool | None) -> list[tuple[WeightsEntry, PredictRequest]]:
    """Weights to score: all bundled ones, or those named."""
    from napari_medseg.weights import read_entry

    entries = {entry.id: (entry, entry.id) for entry in list_weights()}
    for text in wanted or ():
        network, equals, file = text.partition("=")
        if equals:
            entries[text] = (read_entry(file), file)
            assert entries[text][0].network == network
    names = wanted or list(entries)
    return [
        (entry, PredictRequest(network=entry.network, weights=weights, device=device, mirrored=tta))
        for entry, weights in (entries[name] for name in names)
    ]


if __name__ == "__main__":
    main()
