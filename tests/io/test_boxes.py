"""Boxes from files of any origin: four numbers each, or a sentence that names the place."""

import json

import pytest

from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.io import read_boxes

HEAD = "image,y0,x0,y1,x1\n"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("b.json", "[" * 100_000, "is no JSON .*without end"),
        ("b.json", '{"a": [[' + "1" * 5001 + ", 2, 3, 4]]}", "is no JSON .*thousands of digits"),
        ("b.json", '{"a": [[1' + "0" * 400 + ", 2, 3, 4]]}", r"'a', box 1 is .*expected four numbers"),
        ("b.json", '{"a": [[1e400, 2, 3, 4]]}', "expected four numbers"),
        ("b.json", '{"a": [[NaN, 2, 3, 4]]}', "expected four numbers"),
        ("b.json", '{"a": [[true, 2, 3, 4]]}', "expected four numbers"),
        ("b.json", '{"a": [[1, 2, 3]]}', "expected four numbers"),
        ("b.json", '{"a": ["1234"]}', "expected four numbers"),
        ("b.json", '{"a": [{"y0": 1}]}', "expected four numbers"),
        ("b.json", '{"a": [[1, 2, 3, 4]], "a": []}', "'a' stands there twice"),
        ("b.json", "[]", "holds other than"),
        ("b.csv", "image,y0,x0,y1,x1,y0\na,1,2,3,4,9\n", "has the column 'y0' twice"),
        ("b.csv", HEAD + '"a,1,2,3,4\nb,1,2,3,4\n', "is no CSV"),
        ("b.csv", HEAD + "a,1\n", "line 2 has not a cell for each column"),
        ("b.csv", HEAD + "a,1,2,3,4,5\n", "line 2 has not a cell for each column"),
        ("b.csv", HEAD + ",1,2,3,4\n", "line 2 has not a cell for each column"),
        ("b.csv", HEAD + "a,1_0,2,3,4\n", "line 2 is .*'1_0'.*expected four numbers"),
        ("b.csv", HEAD + "a,nan,2,3,4\n", "expected four numbers"),
        ("b.csv", HEAD + "a,٣,2,3,4\n", "expected four numbers"),
        ("b.csv", HEAD + "a,1e999,2,3,4\n", "expected four numbers"),
        ("b.csv", HEAD + "a,1;2,2,3,4\n", "expected four numbers"),
        ("b.csv", "image;y0;x0;y1;x1\na;1;2;3;4\n", "has the columns"),
        ("b.csv", "", "has the columns"),
        ("b.txt", "", "boxes are read from .json and .csv"),
    ],
)
def test_what_holds_no_boxes_is_told(tmp_path, name, text, says):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says) as told:
        read_boxes(tmp_path / name)
    assert len(str(told.value)) < 400 + len(str(tmp_path))


def test_other_encodings_and_missing_files_are_told(tmp_path):
    (tmp_path / "b.csv").write_bytes(HEAD.encode() + b"M\xfcller,1,2,3,4\n")
    with pytest.raises(InputError, match="no UTF-8"):
        read_boxes(tmp_path / "b.csv")
    with pytest.raises(ImageReadError, match="cannot be read"):
        read_boxes(tmp_path / "gone.csv")


def test_numbers_as_people_write_them(tmp_path):
    (tmp_path / "b.csv").write_text("\ufeffimage,y0,x0,y1,x1\r\na, 1,2.5,3e1,+.5\r\n", encoding="utf-8")
    assert read_boxes(tmp_path / "b.csv") == {"a": [(1, 2.5, 30, 0.5)]}
    (tmp_path / "b.json").write_text(json.dumps({"a": [[-1, 2, 3.5, 4]]}))
    assert read_boxes(tmp_path / "b.json") == {"a": [(-1, 2, 3.5, 4)]}
