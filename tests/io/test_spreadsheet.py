"""CSV that a spreadsheet opens and a script reads."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.errors import OutputError
from napari_medseg.io.spreadsheet import cell_text, table_text, write_csv

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1+1", "＝1+1", "＠A", "-2+3+cmd|' /C calc'!A0"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_is_a_formula(text):
    assert cell_text(text).startswith("'")
    assert cell_text(text)[1:].lstrip().startswith(("=", "+", "-", "@", "\\t", "\\r", "\\n", "＝", "＠"))


@given(st.text())
def test_whatever_something_is_called_no_spreadsheet_runs_it_and_it_stays_one_cell(text):
    row = table_text([[text, 1]])
    assert row.count("\n") == 1
    read = next(csv.reader([row]))
    assert len(read) == 2 and read[1] == "1"
    assert not read[0].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_stay_numbers_negative_ones_too(number):
    assert float(cell_text(number)) == pytest.approx(number, rel=1e-6)
    assert not cell_text(number).startswith("'")


def test_cells():
    assert [cell_text(one) for one in (None, "", 3, 3.0, -1.5, 0.1 + 0.2, 1 / 3, 123456.789, 1e-9, 1e20)] == [
        *("", "", "3", "3", "-1.5", "0.3", "0.3333333", "123456.8", "1e-09", "100000000000000000000")
    ]
    assert table_text([["a,b", 'say "x"', 1.5]]) == '"a,b","say ""x""",1.5\n'
    assert table_text([["a", 1.5]], between="\t") == "a\t1.5\n"


def test_a_file_has_a_mark_that_spreadsheets_know_and_is_whole_or_none(tmp_path):
    path = write_csv(tmp_path / "a ü.csv", [("size (mm²)", "ü"), (-1.5, "=x")])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        assert list(csv.reader(stream)) == [["size (mm²)", "ü"], ["-1.5", "'=x"]]

    def broken():
        yield ("a",)
        raise ValueError

    with pytest.raises(ValueError):
        write_csv(path, broken())
    assert b"-1.5" in path.read_bytes() and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(OutputError, match="does not exist"):
        write_csv(tmp_path / "none" / "a.csv", [])
