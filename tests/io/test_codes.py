"""The list of coded concepts says what SNOMED CT says, and is found by the words that people use."""

import pytest
from pydicom.sr._concepts_dict import concepts as known

from napari_medseg.errors import InputError
from napari_medseg.io.codes import Coding, _all, concept, concepts, default_coding, parse_codes, search
from napari_medseg.tasks import TASKS, THINGS


def test_the_list_has_the_codes_that_dicom_names():
    meanings = {}
    for entry in known["SCT"].values():
        for code, (meaning, _) in entry.items():
            meanings.setdefault(code, set()).add(meaning)
    for one in _all().values():
        assert one.meaning in meanings[one.code], one
        assert one.use in ("what", "where", "both", "kind")
        assert (one.use == "kind") == (one.kind == "")
        assert one.use == "kind" or one.category.use == "kind"


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("spleen", "spleen"),
        ("tumour", "neoplasm"),
        ("nuclei", "nucleus"),
        ("kidney stone", "renal-stone"),
        ("thyr nod", "thyroid-nodule"),
        ("7896100", None),
        ("78961009", "spleen"),
    ],
)
def test_the_list_is_searched_by_the_words_that_people_use(words, first):
    assert next((one.id for one in search(words)), None) == first


def test_all_of_the_list_is_there_before_a_word_is_typed():
    assert len(search("")) == len(concepts("what"))
    assert {"head", "liver"} <= {one.id for one in search("", "where")}
    assert not {"lesion", "tissue"} & {one.id for one in search("", "where")}


@pytest.mark.parametrize("task", TASKS)
def test_what_is_marked_in_a_task_has_a_code(task):
    found = default_coding(THINGS.get(task, ""), task, THINGS.get(task, ""))
    assert (found.what.id == "tissue") == (task == "generalist")


@pytest.mark.parametrize(
    ("name", "task", "coded"),
    [
        ("Liver", "", "liver"),
        ("lesion", "breast-ultrasound", "lesion/breast"),
        ("cyst", "breast-ultrasound", "cyst/breast"),
        ("anterior", "hippocampus", "hippocampus"),
        ("something of ours", "", "tissue"),
        ("foreground", "polyp", "polyp-of-colon/colon"),
        ("", "", "tissue"),
    ],
)
def test_a_class_is_coded_by_its_name_then_by_the_task(name, task, coded):
    found = default_coding(name, task, THINGS.get(task, ""), ("anterior", "posterior") if task == "hippocampus" else ())
    assert "/".join(filter(None, found.to_plain().values())) == coded
    assert Coding.from_plain(found.to_plain()) == found


def test_what_is_not_of_the_list_is_refused_with_what_is_near():
    assert parse_codes(["1=spleen", "2=78961009", "3=Polyp of colon"])[3].id == "polyp-of-colon"
    with pytest.raises(InputError, match=r"'nodul' says what a class is; expected one of the list, such as nodule, th"):
        parse_codes(["1=nodul"])
    with pytest.raises(InputError, match=r"--code is 'spleen'; expected NUMBER=CONCEPT"):
        parse_codes(["spleen"])
    with pytest.raises(InputError, match="says where it lies"):
        concept("lesion", "where")
