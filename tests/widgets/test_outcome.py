"""What a round has come to, as it is shown; curves over whole epochs."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QLabel

from napari_medseg.app.gate import judge
from napari_medseg.app.pictures import NETWORK, compared
from napari_medseg.app.review import Comparison, Review
from napari_medseg.widgets.curves import TICKS, Curves
from napari_medseg.widgets.outcome import Outcome, Pictured

pytestmark = pytest.mark.gui


def row(name, before=0.8, after=0.9, *, as_proposed=False, shape=(60, 80)):
    masks = np.zeros((3, *shape), np.uint8)
    masks[0, 10:50, 10:50], masks[1, 10:50, 10:40], masks[2, 10:50, 15:50] = 1, 1, 1
    truth, old, new = masks
    return Comparison(
        name=name,
        dice_before=before,
        dice_after=after,
        hd95_before=9.0,
        hd95_after=8.0,
        image=np.full(shape, 40, np.uint8),
        truth=truth,
        before=old,
        after=new,
        as_proposed=as_proposed,
    )


def shown(qtbot, rows, width=340):
    outcome = Outcome()
    qtbot.addWidget(outcome)
    outcome.resize(width, 700)
    outcome.show()
    outcome.show_review(
        Pictured(Review(rows=rows, verdict=judge(rows), suspects=[]), [compared(one, side=200) for one in rows])
    )
    qtbot.waitUntil(lambda: not outcome.wipe.picture.pixmap().isNull())
    return outcome


def line_of(picture):
    """Columns in which the network's rim is drawn."""
    return np.flatnonzero((picture == NETWORK).all(axis=2).any(axis=0))


def test_a_judge_that_was_never_corrected_is_named(qtbot):
    outcome = shown(qtbot, [row("a scan"), row("another", 1.0, 0.97, as_proposed=True)])
    cells = [[outcome.table.item(y, x).text() for x in range(3)] for y in range(2)]
    assert cells == [["a scan", "0.80", "0.90"], ["another (accepted as proposed)", "1.00", "0.97"]]
    assert "1 more, accepted as proposed, can only show harm." in outcome.checks.text()
    assert outcome.adopt.isHidden()
    outcome.decided()


def test_where_nobody_can_say_a_person_is_asked(qtbot):
    outcome = shown(qtbot, [row("a", 1.0, 0.97, as_proposed=True)])
    assert outcome.checks.text().startswith("? 1 test image accepted as proposed")
    assert (outcome.adopt.text(), outcome.adopt.isVisible()) == ("Use the new one", True)
    refused = shown(qtbot, [row("a", 0.9, 0.7)])
    assert refused.adopt.text() == "Use the new one all the same"
    # what speaks against it comes first
    assert [line[0] for line in refused.checks.text().splitlines()] == ["✗", "✗", "✓", "✓"]


def test_the_picture_fills_the_width_and_the_slider_moves_it(qtbot):
    outcome = shown(qtbot, [row("a")])
    picture, slider = outcome.wipe.picture, outcome.wipe.slider
    assert picture.pixmap().width() > 0.9 * outcome.width() * picture.devicePixelRatioF()
    drawn = []
    outcome.wipe.picture.show_array = drawn.append
    for value in (0, 100):
        slider.setValue(value)
    old, new = (line_of(one) for one in drawn)
    assert old.min() < 30 <= new.min()
    outcome.clear()
    assert outcome.enlarge() is None


def test_a_click_shows_it_large(qtbot):
    outcome = shown(qtbot, [row("a"), row("b", shape=(300, 80))])
    outcome.wipe.slider.setValue(30)
    for number, name in enumerate("ab"):
        outcome.table.setCurrentCell(number, 0)
        large = outcome.enlarge()
        qtbot.addWidget(large)
        qtbot.waitUntil(lambda large=large: large.wipe.picture.pixmap().width() > 100)
        assert large.windowTitle().startswith(f"{name}:")
        assert large.wipe.slider.value() == 30
        screen = large.screen().availableGeometry()
        assert large.height() <= screen.height()
        assert large.width() <= screen.width()
        picture = large.wipe.picture
        assert picture.pixmap().height() / picture.devicePixelRatioF() == pytest.approx(picture.height(), abs=2)
        assert not picture.geometry().intersects(large.wipe.slider.geometry())
        large.close()
    seen = []
    outcome.enlarge = lambda: seen.append(1)
    outcome.wipe.picture.clicked.connect(outcome.enlarge)
    qtbot.mouseClick(outcome.wipe.picture, Qt.MouseButton.LeftButton)
    assert seen == [1]


def test_no_text_is_cut(qtbot):
    assert shown(qtbot, [row("a", 0.9, 0.7)]).minimumSizeHint().width() < 290
    long = "a name of a scan that somebody gave in full"
    outcome = shown(qtbot, [row(long), row("b", 1.0, 0.6, as_proposed=True)])
    for label in outcome.findChildren(QLabel):
        if label.isVisible() and label.text():
            needed = label.heightForWidth(label.width()) if label.wordWrap() else label.sizeHint().height()
            assert label.height() >= needed, label.text()
            assert label.wordWrap() or label.width() >= label.sizeHint().width(), label.text()
    for button in outcome.findChildren(QAbstractButton):
        if button.isVisible() and button.text():
            assert button.width() >= button.fontMetrics().horizontalAdvance(button.text()), button.text()
    table, metrics = outcome.table, outcome.table.fontMetrics()
    for y in range(table.rowCount()):
        words = metrics.boundingRect(
            0, 0, table.columnWidth(0) - 8, 9999, int(Qt.TextFlag.TextWordWrap), table.item(y, 0).text()
        )
        assert table.rowHeight(y) >= words.height()
        for x in range(1, 5):
            assert table.columnWidth(x) > metrics.horizontalAdvance(table.item(y, x).text())


@pytest.mark.parametrize("epochs", [1, 2, 7, 30, 1000])
def test_the_axis_counts_epochs(qtbot, epochs):
    curves = Curves()
    qtbot.addWidget(curves)
    curves.resize(340, 200)
    curves.show()
    curves.add(0, None, 0.5, epochs=epochs)
    curves.add(1, 0.5, 0.6, epochs=epochs)
    axis = curves._plot.getAxis("bottom")
    low, high = axis.range
    assert low <= 0
    assert high >= epochs
    ticks = axis.tickValues(low, high, 300)
    texts = [text for spacing, values in ticks for text in axis.tickStrings(values, 1, spacing)]
    assert 1 <= len(texts) <= TICKS + 2
    assert all(text == str(int(text)) for text in texts)
    # a line and its point stay apart from the next round's
    curves.clear()
    assert curves._lines["loss"].getData()[0] is None or not len(curves._lines["loss"].getData()[0])
