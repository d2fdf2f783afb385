"""All texts of the window in one file, to be read in one go and translated: ``make words``.

Writes ``napari_medseg/words/medseg.pot`` anew from what is marked (``tr``, ``trn``, ``mark``), in the order of the
window, and names what should be marked and is not. A test compares both.

``python docs/words.py pseudo FOLDER`` writes a language ``xx`` there, in which every text stands in [brackets]. With
``MEDSEG_WORDS=FOLDER MEDSEG_LANGUAGE=xx medseg app`` whoever looks sees at once what no translation would reach.
``python docs/words.py compile FILE.po FOLDER/LANGUAGE`` is for whoever has neither Poedit nor msgfmt.
"""

from __future__ import annotations

import ast
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from unmarked import called, marks, unmarked, whole

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "napari_medseg"
CATALOGUE = PACKAGE / "words" / "medseg.pot"
MANIFEST = PACKAGE / "napari.yaml"

# files in the order of the window, of widgets where no room is named; what stands nowhere here comes under the last
SECTIONS = {
    "The window": "panel tour bubble help manual app/manual banner closing launch session drops plugin/activate "
    "plugin/readers plugin/writers",
    "Propose": "propose found engine_line image_choice opener choice tasks options familiar app/familiar weights_text "
    "boxes",
    "Correct: project and images": "correct project_bar case_table last_project intake patients app/images next_image "
    "propose_all message",
    "Correct: drawing": "classes toolbar tool_table tools snap_tool livewire_tool mouse_tool spots undo_buttons "
    "ask_undo ask_again edge_maps case_view open_cases open_case elsewhere keys",
    "Retrain": "retrain rounds run_text outcome app/gate wipe curves versions",
    "Export": "export export_table app/formats",
    "What can go wrong, and other sentences": "",
}
# rooms whose texts a person at the window reads
ROOMS = ("widgets", "app", "plugin", "tasks.py", "errors.py", "project/lock.py")
# the terminal speaks English, as its options do
TERMINAL = {
    "app/classes.py",
    "app/demo.py",
    "app/evaluate.py",
    "app/evaluate_large.py",
    "app/masks.py",
    "app/train_options.py",
    "app/training.py",
}
# titles in files, which scripts look for
TITLES = {"app/lesion_csv.py"}


@dataclass(slots=True)
class Text:
    """A text, and the files that it stands in."""

    text: str
    many: str = ""
    files: list[str] = field(default_factory=list)


def files() -> list[Path]:
    """Those whose texts are of the window."""
    found = [path for room in ROOMS for path in _files(PACKAGE / room)]
    return [path for path in found if _name(path) not in TERMINAL | TITLES]


def _files(room: Path) -> list[Path]:
    return sorted(room.rglob("*.py")) if room.is_dir() else [room]


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _place(path: Path) -> tuple[int, int, str]:
    """Of a file's texts: the section, and where in it."""
    name = _name(path).removesuffix(".py").removeprefix("widgets/")
    for number, names in enumerate(SECTIONS.values()):
        if name in names.split():
            return number, names.split().index(name), name
    return len(SECTIONS) - 1, 0, name


def marked(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Texts that are marked, as they stand in the file: one, and the plural or nothing.

    Raises
    ------
    ValueError
        If what is marked is no literal: nobody could collect it.
    """
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and marks(node)]
    for node in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        given = node.args[: marks(node)]
        texts = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if len(texts) == len(given):
            yield texts[0], texts[1] if len(texts) > 1 else ""
        elif called(node) != "tr" or any(isinstance(one, ast.JoinedStr) for one in ast.walk(node.args[0])):
            raise ValueError(
                f"line {node.lineno}: {called(node)} is given a text that is made there; expected a literal"
            )


def collect() -> dict[int, list[Text]]:
    """All marked texts by the section that shows them, each once."""
    texts: dict[tuple[str, str], Text] = {}
    found: dict[int, list[Text]] = {number: [] for number in range(len(SECTIONS))}
    for path in sorted(files(), key=_place):
        for key in marked(ast.parse(path.read_text(encoding="utf-8"))):
            if key not in texts:
                texts[key] = Text(*key)
                found[_place(path)[0]].append(texts[key])
            if _name(path) not in texts[key].files:
                texts[key].files.append(_name(path))
    # napari shows these: they are here to be read
    for text in dict.fromkeys(
        re.findall(r"(?m)^ *(?:- )?(?:title|display_name): (.+)$", MANIFEST.read_text(encoding="utf-8"))
    ):
        if (text, "") not in texts:
            found[0].append(Text(text, files=[MANIFEST.name]))
    return found


def catalogue() -> str:
    """The template of all translations."""
    parts = [
        "# All texts of MedSeg's window, in its order. Written by make words.\n"
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
    ]
    for number, (section, texts) in enumerate(zip(SECTIONS, collect().values(), strict=True)):
        parts.append(f"# ==== {number + 1}. {section} ====\n")
        for text in texts:
            lines = [f"#: {' '.join(text.files)}"]
            if re.search(r"\{\w+", text.text + text.many):
                lines.append("#, python-brace-format")
            lines.append(f"msgid {_quoted(text.text)}")
            lines += (
                [f"msgid_plural {_quoted(text.many)}", 'msgstr[0] ""', 'msgstr[1] ""'] if text.many else ['msgstr ""']
            )
            parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def write_mo(path: Path, texts: dict[str, str]) -> Path:
    """Write a compiled catalogue, as gettext reads it.

    Parameters
    ----------
    path : Path
    texts : dict
        Translation by text; of a plural, both with ``\\0`` between their forms. The header stands under the empty text.
    """
    rows = sorted((key.encode(), value.encode()) for key, value in texts.items())
    start = 28 + 16 * len(rows)
    tables, data = [], b""
    for column in (0, 1):
        for row in rows:
            tables += [len(row[column]), start + len(data)]
            data += row[column] + b"\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, start)
    path.write_bytes(head + struct.pack(f"<{len(tables)}I", *tables) + data)
    return path


def pseudo(folder: Path) -> Path:
    """A language in which every text stands in brackets."""
    texts = {"": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"}
    for section in collect().values():
        for one in section:
            key = f"{one.text}\0{one.many}" if one.many else one.text
            texts[key] = f"[{one.text}]\0[{one.many}]" if one.many else f"[{one.text}]"
    return write_mo(folder / "xx" / "LC_MESSAGES" / "medseg.mo", texts)


def read_po(path: Path) -> dict[str, str]:
    """The translated texts of a catalogue; one that nobody is sure of (fuzzy) is left out."""
    texts: dict[str, str] = {}
    for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
        parts: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if found := re.match(r"(msg\w+(?:\[\d\])?)?\s*(\"[^\n]*\")\s*$", line):
                name = found[1] or name
                parts[name] = parts.get(name, "") + ast.literal_eval(found[2])
        forms = [value for key, value in sorted(parts.items()) if key.startswith("msgstr")]
        if forms and all(forms) and not re.search(r"(?m)^#,.*fuzzy", block):
            keys = [parts[key] for key in ("msgid", "msgid_plural") if key in parts]
            texts["\0".join(keys)] = "\0".join(forms)
    return texts


def main(arguments: list[str]) -> None:
    """Write the template anew, or what is asked for."""
    if arguments[:1] == ["pseudo"]:
        print(pseudo(Path(arguments[1])))
    elif arguments[:1] == ["compile"]:
        print(write_mo(Path(arguments[2]) / "LC_MESSAGES" / "medseg.mo", read_po(Path(arguments[1]))))
    else:
        CATALOGUE.write_text(catalogue(), encoding="utf-8")
        for path in files():
            for node in unmarked(ast.parse(path.read_text(encoding="utf-8"))):
                print(f"{path.relative_to(ROOT)}:{node.lineno}: not marked: {whole(node)!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
