"""Texts that a person reads and no translation reaches: what has to be marked by ``tr``, ``trn`` or ``mark``.

Prose wherever it stands, and every literal, however short, that is given to what shows texts. ``make words`` and a
test name what breaks the rule.
"""

from __future__ import annotations

import ast
import re

# the first so many arguments are the text
MARKS = {"tr": 1, "trn": 2, "mark": 1}
# what shows a text
SHOWS = """
QLabel TextLabel QPushButton QCheckBox QRadioButton QGroupBox QAction QMenu QMessageBox QTableWidgetItem
QListWidgetItem QTreeWidgetItem QFileDialog QToolButton CheckBox setText set_bold setToolTip setStatusTip
setWhatsThis setTitle setPlaceholderText setWindowTitle setInformativeText setDetailedText setLabelText
setSuffix setPrefix setFormat setSpecialValueText setHeaderLabels setHorizontalHeaderLabels addTab setTabText
setTabToolTip addItem addItems insertItem addAction addMenu addRow addButton showText showMessage
setAccessibleName setAccessibleDescription show_info show_warning show_error setItemText getText getItem
getOpenFileName getSaveFileName getExistingDirectory
"""
# what takes names, patterns and styles, or speaks to who writes code
CODE = """
setObjectName setStyleSheet setProperty property getattr setattr hasattr import_module compile sub escape
findChild findChildren bind_key QKeySequence QShortcut ValueError TypeError RuntimeError AssertionError KeyError
TypeVar cast debug info warning error exception critical startswith endswith removeprefix removesuffix
partition rpartition split
"""
# prose of other kinds, a field as "xx": what is stored or written (the same in every language), and our name
PLAIN = frozenset(
    {
        "MedSeg",
        "label xx",
        "anchor xx",
        "corrections of this project",
        "research only, no medical device",
        # layers, as napari lists them, and tools in the history of strokes
        "snapping brush",
        "keep largest",
        "place to look at",
        "live-wire rim",
        # keys, as napari knows them
        "Backspace",
        "Enter",
        "Escape",
        "Space",
        # to be told by whoever wrote the file of settings
        "texts by name",
        "where the person was",
        # of the terminal, and of the table in the docs
        "epoch xx/xx",
        "kept of what is written",
        "compared with",
        ", in colours",
        "masks (labels to xxxx)",
        "maps (float32)",
        "maps (xx steps)",
        "size of pixels",
        "{} as text, which other programs pass over",
    }
)
_TAGS = re.compile(r"<[^<>]*>|&\w+;")
_WORD = re.compile(r"[^\W\d_]{2,}")
_STYLE = re.compile(r"\b(background|border|color|padding): [^;]+;")
_PROSE = re.compile(r"[^\W\d_]{2,}\S* +\(?[^\W\d_]{2,}|^[A-Z][a-z]+\b(?![-_/])")


def unmarked(tree: ast.AST) -> list[ast.Constant | ast.JoinedStr]:
    """Literals that a person reads and no translation reaches: prose, and all that is given to what shows texts."""
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr) and not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        if isinstance(above.get(node), (ast.JoinedStr, ast.FormattedValue)) and not _in_field(node, above):
            continue
        text = _TAGS.sub("", whole(node))
        shown = _shown(node, above)
        if shown is None or whole(node) in PLAIN or _STYLE.search(text):
            continue
        if _WORD.search(text.replace("xx", "")) and (shown or _PROSE.search(text)):
            found.append(node)
    return found


def _in_field(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    """Whether it stands in the expression of an f-string's field; its other parts are no literals of their own."""
    parent = above[node]
    return isinstance(parent, ast.FormattedValue) and node is parent.value


def whole(node: ast.Constant | ast.JoinedStr) -> str:
    """A literal with its fields as ``xx``."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(str(one.value) if isinstance(one, ast.Constant) else "xx" for one in node.values)


def _shown(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool | None:
    """Given to what shows texts (True), to anything (False), or certainly no text of its own (None)."""
    child, parent = node, above.get(node)
    while parent is not None:
        if isinstance(parent, ast.Compare) or (isinstance(parent, ast.Expr) and child is node):
            return None
        if isinstance(parent, ast.Subscript) and child is parent.slice:
            return None
        if isinstance(parent, ast.Dict) and child in parent.keys:
            return None
        if isinstance(parent, (ast.arg, ast.AnnAssign)) and child is parent.annotation:
            return None
        if isinstance(parent, ast.Call) and child is not parent.func:
            name = called(parent)
            if name in CODE.split() or child in parent.args[: marks(parent)]:
                return None
            return name in SHOWS.split()
        if isinstance(parent, (ast.Assign, ast.AugAssign, ast.Return, ast.stmt)):
            return False
        child, parent = parent, above.get(parent)
    return False


def marks(node: ast.Call) -> int:
    """So many of the first arguments are marked texts."""
    return MARKS.get(node.func.id, 0) if isinstance(node.func, ast.Name) else 0


def called(node: ast.Call) -> str:
    """The last name of what is called."""
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
