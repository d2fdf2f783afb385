"""The page on speed is what its command makes of the committed results, and what was not measured is said."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
# of sections, one table each, in the page's own form
PAGE = "# T\n\n{}"
MARKS = "".join(
    f"<!-- measured: {name} -->\n<!-- end: {name} -->\n"
    for name in ("beside", "speed", "engines", "int8", "memory", "gpu_speed", "finetune", "gui")
)
BESIDE = {
    "set": "dsb2018_nuclei", "network": "MONAI's BasicUNet", "start": "from random weights", "engine": "torch",
    "parameters": 1_979_009, "minutes": 2.0, "steps": 300, "px": "128x128", "split": "val", "n": 80, "seed": 0,
    "dice": 0.8123, "dice_low": 0.79, "dice_high": 0.8312, "ms": 51.23, "cpu_ms": 50.0, "memory_mb": 412.4,
}  # fmt: skip


def script_of(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def script(monkeypatch):
    # a dataclass looks for its module
    monkeypatch.setitem(sys.modules, "speed_page", None)
    return script_of("speed_page")


@pytest.fixture
def plot(monkeypatch):
    monkeypatch.setitem(sys.modules, "speed_plot", None)
    return script_of("speed_plot")


def test_the_committed_page_and_picture_follow_from_the_committed_results(script, plot):
    results = script.read_results()
    text = script.PAGE.read_text(encoding="utf-8")
    assert text == script.page(text, results), "run: make speed"
    assert script.PICTURE.read_text(encoding="utf-8") == plot.picture(results["beside"]), "run: make speed"


def test_every_file_of_results_is_in_the_page_and_small(script):
    names = tuple(section.name for section in script.SECTIONS)
    paths = list(script.RESULTS.iterdir())
    shown = script.read_results()
    assert all(path.suffix == ".json" and path.stat().st_size < 64_000 for path in paths)
    assert sum(map(len, shown.values())) == len(paths), names
    assert all((ROOT / "benchmarks" / f"{name}.py").is_file() for name in names)
    # no folder of a computer
    assert not [path for path in paths if re.search(r'"/|[A-Z]:\\\\|/(work|root|home)/', path.read_text("utf-8"))]


def test_what_is_missing_is_one_sentence_and_the_tables_come_and_go(script):
    empty = script.page(MARKS, {})
    assert empty.count("Not measured yet.") == 8
    full = script.page(empty, {"beside": [{"rows": [BESIDE]}]})
    assert full.count("Not measured yet.") == 7
    assert "| 0.812 | 0.790 to 0.831 | 51.2 |" in full and "1 979 009" in full
    # written twice it is the same, and taken back too
    assert script.page(full, {"beside": [{"rows": [BESIDE]}]}) == full
    assert script.page(full, {}) == empty


def test_a_page_without_a_sections_marks_is_refused(script):
    with pytest.raises(ValueError, match="measured: gui"):
        script.page(MARKS.partition("<!-- measured: gui")[0], {})


def test_a_table_leaves_out_what_no_row_has_and_names_the_machine(script):
    lines = script.table([{"network": "a", "ms": 12.345, "note": None}, {"network": "b", "ms": 0.5, "note": ""}], {})
    assert lines == ["| network | ms |", "|---|---|", "| a | 12.3 |", "| b | 0.5 |"]
    machine = {"processor": "P", "cores": 2, "threads": 1, "torch": "2.0", "load": [0.5, 1, 1], "gpu": None}
    told = script.told({"machine": machine, "measured": {"date": "2026-11-26", "command": "python x.py"}})
    assert told == "P, 2 cores, 1 thread, torch 2.0, load 0.5, 2026-11-26. `python x.py`"
    assert script.told({}) == "a machine that is not known."


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (0.00001, "1e-05"),
        (0.0, "0"),
        (1234.5, "1234"),
        (0.12345, "0.123"),
        (40837, "40 837"),
    ],
)
def test_cells_have_no_more_digits_than_are_known(script, value, shown):
    assert script.cell(value) == shown


def test_a_file_without_rows_is_one_row(script, tmp_path):
    told = {"machine": {"processor": "P"}, "seconds": 30.1}
    (tmp_path / "finetune-lgms.json").write_text(json.dumps(told), encoding="utf-8")
    assert script.read_results(tmp_path)["finetune"] == [{"machine": {"processor": "P"}, "rows": [{"seconds": 30.1}]}]


def test_the_picture_has_a_disc_a_network_in_list_and_plot_inside_its_edges(plot):
    others = [
        {**BESIDE, "network": "CMUNeXt-XXS (fast)", "start": start, "ms": ms, "set": name}
        for name in ("dsb2018_nuclei", "kvasir_seg")
        for start, ms in (("as shipped", 9.0), ("from the shipped file", 1999.0))
    ]
    root = ElementTree.fromstring(plot.picture([{"rows": [BESIDE, *others]}]))
    width, height = float(root.get("width")), float(root.get("height"))
    discs = root.findall("{http://www.w3.org/2000/svg}circle")
    assert len(discs) == 2 * 5
    assert all(9 <= float(one.get("cx")) <= width - 9 and 9 <= float(one.get("cy")) <= height - 9 for one in discs)
    assert len({one.get("fill") for one in discs}) == 3
    assert "Not measured yet." in plot.picture([])
