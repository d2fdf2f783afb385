"""Help that is there: each tab's page, its links and pictures, and nothing from elsewhere."""

import re

import pytest
from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QImage, QTextDocument
from qtpy.QtTest import QTest

from napari_medseg.app.manual import CONTENTS, GLOSSARY, SECTIONS, manual_folder
from napari_medseg.errors import InputError
from napari_medseg.widgets.manual import Pages, slug
from tests.widgets.helpers import WAIT

pytestmark = pytest.mark.gui
PAGES = sorted(path.relative_to(manual_folder()).as_posix() for path in manual_folder().rglob("*.md"))


@pytest.fixture
def pages(qtbot):
    told = []
    pages = Pages(manual_folder(), told.append)
    pages.told = told
    pages.resize(800, 700)
    qtbot.addWidget(pages)
    return pages


def links_of(page):
    text = (manual_folder() / page).read_text(encoding="utf-8")
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"(?s)```.*?```", "", text))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_every_page_leads_to_a_page_heading_or_picture(pages, page):
    for link in links_of(page):
        pages.show_page(page)
        assert pages.told[-1] == ""
        url = QUrl(link)
        if link.endswith((".png", ".svg")):
            picture = pages.loadResource(QTextDocument.ResourceType.ImageResource.value, url)
            assert isinstance(picture, QImage) and 0 < picture.width() <= pages.width(), link
        elif link.endswith("decisions"):
            # a folder: for those who read on the web
            continue
        else:
            pages.follow(url)
            assert pages.told[-1] == "", link
            if url.fragment():
                assert pages.scroll_to(url.fragment()), link


@pytest.mark.parametrize(
    "link",
    [
        "https://napari.org",
        "http://127.0.0.1/reference/panel.md",
        "../../CONTRIBUTING.md",
        "file:///etc/passwd",
        "nowhere.md",
        "../pictures/window.png",
    ],
)
def test_nothing_else_is_opened_and_that_is_said(pages, link):
    pages.show_page("how-to/correct.md")
    before = pages.source()
    pages.follow(QUrl(link))
    assert pages.source() == before and link in pages.told[-1]
    if not link.endswith("png"):
        kind = QTextDocument.ResourceType.ImageResource.value
        assert pages.loadResource(kind, QUrl(link.replace(".md", ".png"))) is None


def test_headings_are_called_as_on_the_web():
    assert slug("DCSNet, in boxes: that a *person* draws?") == "dcsnet-in-boxes-that-a-person-draws"


def test_every_tab_opens_its_page(panel):
    assert [panel.tabs.tabText(n) for n in range(panel.tabs.count())] == list(SECTIONS)
    for number, page in enumerate(SECTIONS.values()):
        panel.tabs.setCurrentIndex(number)
        assert panel.tabs.tabText(number) in panel.help.button.toolTip()
        assert "tour" in panel.help.button.toolTip()
        for _ in range(2):
            QTest.mouseClick(panel.help.button, Qt.MouseButton.LeftButton)
            assert panel.help.window.pages.source().toLocalFile().endswith(page)
    manual = panel.help.window
    assert manual.isVisible() and manual.parentWidget() is panel.window()
    manual.words.click()
    assert manual.pages.source().toLocalFile().endswith(GLOSSARY)
    manual.contents.click()
    assert manual.pages.source().toLocalFile().endswith(CONTENTS)
    manual.back.click()
    assert manual.pages.source().toLocalFile().endswith(GLOSSARY)
    manual.tour.click()
    assert not manual.isVisible()
    panel.shut_down()
    assert panel.help.window is None


def test_f1_opens_the_page_of_the_tab_in_view_also_over_the_image(seen, qtbot):
    window = seen.window()
    seen.tabs.setCurrentIndex(2)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT)
    for widget in (window.centralWidget(), seen.retrain.start):
        widget.setFocus()
        QTest.keyClick(widget, Qt.Key.Key_F1)
        assert seen.help.window.isVisible()
        assert seen.help.window.pages.source().toLocalFile().endswith(SECTIONS["Retrain"])
        seen.help.window.close()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow, timeout=WAIT)


def test_where_the_pages_are_missing_the_person_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr("napari_medseg.app.manual.PACKAGE", tmp_path / "x")
    with pytest.raises(InputError, match=r"expected them in .*Install"):
        manual_folder()
