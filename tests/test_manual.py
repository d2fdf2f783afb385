"""The pages of help are in what is installed, and each is found from the first."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from napari_medseg.app.manual import CONTENTS, GLOSSARY, SECTIONS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_what_is_built_holds_every_page_and_picture(tmp_path):
    pytest.importorskip("setuptools")
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", tmp_path, "build_py", "--build-lib", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    built = tmp_path / "napari_medseg" / "docs"
    wanted = {path.relative_to(DOCS) for kind in ("*.md", "*.png", "*.svg") for path in DOCS.rglob(kind)}
    assert {path.relative_to(built) for path in built.rglob("*") if path.is_file()} == wanted
    assert {CONTENTS, GLOSSARY, *SECTIONS.values()} <= {path.as_posix() for path in wanted}
    # what runs from there reads those, not a checkout
    code = "from napari_medseg.app.manual import manual_folder; print(manual_folder())"
    there = {**os.environ, "PYTHONPATH": str(tmp_path)}
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=there, capture_output=True, text=True)
    assert Path(told.stdout.strip()) == built, told.stderr


def test_every_page_for_people_stands_in_the_contents():
    text = (DOCS / CONTENTS).read_text(encoding="utf-8")
    listed = set(re.findall(r"\]\(([^)]+\.md)\)", text))
    kinds = ("tutorials", "how-to", "reference", "explanation")
    assert listed == {path.relative_to(DOCS).as_posix() for kind in kinds for path in (DOCS / kind).glob("*.md")}


def test_the_glossary_has_a_sentence_for_each_word():
    rows = re.findall(r"(?m)^\| ([^|]+) \| ([^|]+) \|$", (DOCS / GLOSSARY).read_text(encoding="utf-8"))
    words = {word: text for word, text in rows if word != "word"}
    assert all(text.endswith(".") for text in words.values())
    assert len(words) == len([word for word, _ in rows if word != "word"]), "a word stands twice"
    wanted = "proposal,mask,class,label,accept,round,network,weights,held out,judge,replay,Dice,edge error (HD95)"
    wanted += ",specialist,generalist,box prompt,spot,live-wire,snap brush,pixel size,volume,slice,plane,task,stroke"
    assert set(wanted.split(",")) <= set(words)
