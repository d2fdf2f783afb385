"""Whatever something is called, the file that is called after it lies in its folder."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.names import MOST_BYTES, clean_name, distinct_names, name_key, one_line, short_name

ODD = [
    "../../x",
    "/etc/passwd",
    "",
    ".",
    "..",
    "a/b",
    "C:\\x",
    "x" * 300,
    "肝" * 85,
    "a\nb",
    "a\x00b",
    "\udcff\udcfe",
    ".hidden",
    "end. ",
    "CON",
    "nul.tif",
    "a?b*c|d",
    "<img src=x>",
    "\u202egpj.exe",
    "e\u0301",
]


@pytest.mark.parametrize("name", ODD)
def test_a_file_of_any_name_lies_in_its_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    path = folder / f"{clean_name(name)}_disagreement.nii.gz"
    path.write_bytes(b"")
    assert path.resolve().parent == folder
    assert [one.name for one in folder.iterdir()] == [path.name]
    assert not path.name.startswith(".")


@given(st.text(st.characters(codec=None)))
def test_cleaned_once_is_cleaned_for_good(name: str) -> None:
    clean = clean_name(name)
    assert clean_name(clean) == clean
    assert 0 < len(clean.encode()) <= MOST_BYTES
    assert unicodedata.is_normalized("NFC", clean)
    assert Path(clean).name == clean


def test_long_names_stay_apart_and_the_same() -> None:
    first, second = clean_name("x" * 300 + "1"), clean_name("x" * 300 + "2")
    assert first != second and first == clean_name("x" * 300 + "1")


def test_plain_names_stay_as_they_are() -> None:
    for name in ("a", "Müller_01 (2)", "case-7.ome", "肝臓", "[left] eye"):
        assert clean_name(name) == name


def test_windows_devices_are_no_names() -> None:
    assert clean_name("con") == "con_" and clean_name("COM1.x") == "COM1_.x" and clean_name("console") == "console"


@given(st.lists(st.sampled_from(["a", "A", "a_2", "A_2", "a/b", "a_b", "e\u0301", "\u00e9", "x" * 300, "", ".."])))
def test_distinct_names_are_distinct_files(names: list[str]) -> None:
    found = distinct_names(names)
    assert len({name_key(name) for name in found}) == len(found) == len(names)
    assert all(clean_name(name) == name for name in found)


def test_ones_own_name_is_not_given_away() -> None:
    assert distinct_names(["a", "A", "a_2"]) == ["a", "A_3", "a_2"]


def test_what_is_shown_is_one_line() -> None:
    assert one_line("a\nb\x1b[31m\udcff") == "a\\nb\\x1b[31m\\udcff"
    assert one_line("Müller 肝") == "Müller 肝"


def test_the_stem_of_a_file_stays_save_where_it_is_too_long() -> None:
    for name in ("a?b", "CON", ".a", "\udcff", "x" * MOST_BYTES):
        assert short_name(name) == name
    for name in ("肝" * 85, "\udcff" * 250, "x" * 201):
        short = short_name(name)
        assert len(short.encode(errors="surrogateescape")) <= MOST_BYTES
        assert short_name(short) == short != short_name(name + "y")
