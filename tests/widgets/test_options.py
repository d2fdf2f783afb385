"""What a proposal is made with, remembered."""

import numpy as np

from napari_medseg.app.predict import is_careful
from napari_medseg.widgets import edge_maps
from napari_medseg.widgets.options import ProposeOptions
from tests.shipped import shipped
from tests.widgets.helpers import WAIT, add_sample, choose, labels_of, propose

QUICK = shipped("sgd-net-s/generalist")


def test_how_careful_proposals_are_is_kept_for_each_network(panel):
    add_sample(panel)
    options, box = panel.propose.options, panel.propose.options.opinions.mirrored
    panel.propose.choice.choose("nuclei", QUICK)
    assert box.value and "mirrored 4 ways" in panel.propose.plan.text()
    # nobody said so: the network does, of images opened ahead too
    assert panel.state.request().mirrored is None and is_careful(panel.state.request())
    box.value = False
    assert "mirrored" not in panel.propose.plan.text() and panel.state.request().mirrored is False
    choose(panel)
    assert not box.value
    box.value = True
    panel.propose.choice.choose("nuclei", QUICK)
    assert not box.value
    options.save()
    assert ProposeOptions().careful == {"sgd-net-s": False, "cmunext-xxs": True}


def test_of_a_volume_each_slice_is_looked_at_once(panel):
    panel.viewer.add_image(np.random.default_rng(0).random((5, 30, 40)), name="scan")
    panel.propose.choice.choose("brain-mri", shipped("cmunext-xxs/brain-mri"))
    panel.propose.choice.choose("brain-mri", QUICK)
    assert panel.state.network == "sgd-net-s" and not panel.propose.options.opinions.mirrored.value
    assert "5 passes" in panel.propose.plan.text()
    # what was said of images is not said of slices
    panel.propose.options.careful[panel.state.network] = True
    assert panel.state.request_for(volume=True).mirrored is None and panel.state.request().mirrored


def test_an_edge_map_that_the_hand_waits_for_is_one_look(panel, qtbot, monkeypatch):
    asked, real = [], edge_maps.predict_array
    monkeypatch.setattr(
        edge_maps, "predict_array", lambda data, request, **how: (asked.append(request), real(data, request, **how))[1]
    )
    add_sample(panel)
    panel.propose.choice.choose("nuclei", QUICK)
    propose(panel, qtbot)
    (mask,) = labels_of(panel)
    # stored by a thread of its own
    qtbot.waitUntil(lambda: panel.correct.view.case_of(mask) is not None, timeout=WAIT)
    case = panel.correct.view.case_of(mask)
    done = []
    panel.correct.tools.maps.fetch(case, done.append)
    qtbot.waitUntil(lambda: bool(done), timeout=WAIT)
    assert case.edges[()].max() > 0.1
    assert [is_careful(request) for request in asked] == [False]
