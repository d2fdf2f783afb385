"""Every text of the window is marked, stands in one file, and can be translated."""

import ast
import string
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from napari_medseg import words
from napari_medseg.words import mark, tr, trn

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))
script, rule = import_module("words"), import_module("unmarked")
sys.path.pop(0)


@pytest.fixture
def language(tmp_path):
    """What writes a translation and takes it; English again afterwards."""

    def speak(texts, name="xx", asked="xx"):
        header = {"": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=3; plural=n>2 ? 2 : n>1;\n"}
        script.write_mo(tmp_path / name / "LC_MESSAGES" / "medseg.mo", header | texts)
        return words.use([asked], tmp_path)

    yield speak
    words.use([])


def test_the_file_of_all_texts_is_current():
    assert script.CATALOGUE.read_text(encoding="utf-8") == script.catalogue(), "run: make words"


def test_every_text_is_marked():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {rule.whole(node)!r}"
        for path in script.files()
        for node in rule.unmarked(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, "give them to tr, trn or mark (napari_medseg/words)"


@pytest.mark.parametrize(
    "code",
    [
        "QPushButton('Accept')",
        "label.setText(f'{n} px')",
        "box.setToolTip('x' if ready else 'not yet')",
        "form.addRow('Device', box)",
        "NAMES = {A: 'as listed'}",
        "raise InputError(f'{name} cannot be read.')",
        "tell(' '.join((f'{n} images were added.', more)))",
        "tr('{what} of it', what='two words')",
        "return 'Accept' if ready else None",
        "label.setText(tr('{n} of {total}', n=1, total=2) + ' images')",
    ],
)
def test_what_a_person_reads_is_found(code):
    assert rule.unmarked(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "QPushButton(tr('Accept'))",
        "label.setText(f'{a}, {b}')",
        "label.setText(trn('{n} image', '{n} images', count))",
        "NAMES = {'two words': mark('as listed')}",
        "widget.setStyleSheet('color: white; padding: 6px')",
        "if name == 'two words': pass",
        "'''A docstring of a module.'''",
        "class A:\n    b = 1\n    '''A docstring of an attribute.'''",
        "raise ValueError(f'{name} is no colour')",
        "label.setText(f'<b>{name}</b>&nbsp;')",
    ],
)
def test_what_nobody_reads_is_left_alone(code):
    assert not rule.unmarked(ast.parse(code))


def test_what_is_made_while_a_module_is_imported_is_only_marked():
    """Translated then, it would keep the language that was asked for first."""
    found = []
    for path in script.files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        late = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            for part in (node.body if isinstance(node.body, list) else [node.body])
            for inner in ast.walk(part)
        }
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and rule.called(node) in ("tr", "trn"))
        found += [f"{path.name}:{node.lineno}" for node in calls if node not in late]
    assert not found


def test_fields_have_names():
    for section in script.collect().values():
        for text in section:
            fields = [
                {field for _, field, _, _ in string.Formatter().parse(one) if field is not None}
                for one in (text.text, text.many)
            ]
            assert all(name.isidentifier() for names in fields for name in names), text
            # of one, a language may leave the number out
            assert not text.many or fields[0] <= fields[1] | {"n"}, text


def test_a_text_that_is_no_literal_cannot_be_collected():
    with pytest.raises(ValueError, match="expected a literal"):
        list(script.marked(ast.parse("tr(f'{n} images')")))
    with pytest.raises(ValueError, match="expected a literal"):
        list(script.marked(ast.parse("trn(one, many, 2)")))


def test_english_is_what_stands_in_the_code():
    assert tr("Accept") == mark("Accept") == "Accept"
    assert tr("Image {n} of {total}", n=2, total=9) == "Image 2 of 9"
    assert [trn("{n} image", "{n} images", n) for n in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert tr("{as it is}") == "{as it is}" and tr("") == ""
    # what a person, or a file, brought along is no template
    assert tr("{name} of it", name="{0.__class__}") == "{0.__class__} of it"


def test_a_translation_takes_the_place_of_english(language):
    assert language({"Image {n} of {total}": "{total}: {n}.", "{n} image\0{n} images": "une\0deux\0{n} vues"})
    assert tr("Image {n} of {total}", n=2, total=9) == "9: 2."
    assert [trn("{n} image", "{n} images", n) for n in (1, 2, 3)] == ["une", "deux", "3 vues"]
    assert tr("Not translated yet") == "Not translated yet" and tr("") == ""


@pytest.mark.parametrize("wrong", ["{count} of {total}", "{n", "{n:d}", "{0}", "{n.__class__.x}"])
def test_a_translation_with_wrong_fields_is_passed_over(language, wrong):
    language({"Image {n}": wrong})
    assert tr("Image {n}", n="two") == "Image two"


@pytest.mark.parametrize(
    ("name", "asked", "found"),
    [("xx", "xx_YY", True), ("xx", "xx-YY", True), ("xx_YY", "xx", False), ("en", "en_US", False), ("xx", "C", False)],
)
def test_a_language_stands_for_its_kinds(language, name, asked, found):
    assert language({"Accept": "ok"}, name, asked) == found
    assert tr("Accept") == ("ok" if found else "Accept")


def test_a_broken_catalogue_leaves_english(tmp_path):
    path = tmp_path / "xx" / "LC_MESSAGES" / "medseg.mo"
    path.parent.mkdir(parents=True)
    for content in (b"", b"no catalogue", b"\xde\x12\x04\x95" + b"\xff" * 40):
        path.write_bytes(content)
        assert not words.use(["xx"], tmp_path) and tr("Accept") == "Accept"


def test_the_environment_says_which(language, tmp_path, monkeypatch):
    language({"Accept": "ok"})
    for name in ("MEDSEG_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEDSEG_WORDS", str(tmp_path))
    words.begin()
    assert tr("Accept") == "Accept"
    words.begin(["xx-YY"])
    assert tr("Accept") == "ok"
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    words.begin(["xx"])
    assert tr("Accept") == "Accept"
    monkeypatch.setenv("MEDSEG_LANGUAGE", "yy:xx")
    words.begin()
    assert tr("Accept") == "ok"


def test_a_catalogue_is_compiled_without_other_tools(tmp_path):
    po = tmp_path / "xx.po"
    po.write_text(
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
        '#: a.py\nmsgid "Accept"\nmsgstr "An"\n"nehmen"\n\n'
        '#: a.py\n#, python-brace-format\nmsgid "{n} image"\nmsgid_plural "{n} images"\n'
        'msgstr[0] "{n} Bild"\nmsgstr[1] "{n} Bilder"\n\n'
        'msgid "Undo"\nmsgstr ""\n\n#, fuzzy\nmsgid "Redo"\nmsgstr "Nochmal?"\n',
        encoding="utf-8",
    )
    script.main(["compile", str(po), str(tmp_path / "xx")])
    try:
        assert words.use(["xx"], tmp_path)
        said = [
            tr("Accept"),
            trn("{n} image", "{n} images", 1),
            trn("{n} image", "{n} images", 5),
            tr("Undo"),
            tr("Redo"),
        ]
        assert said == ["Annehmen", "1 Bild", "5 Bilder", "Undo", "Redo"]
    finally:
        words.use([])


def test_it_costs_nothing_to_import():
    code = "import sys, napari_medseg.words; print({'torch', 'numpy', 'napari', 'qtpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
