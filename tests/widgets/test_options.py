"""What a proposal is made with, remembered."""

import numpy as np

from napari_medseg.app.predict import is_careful
from napari_medseg.widgets.options import ProposeOptions
from tests.shipped import shipped
from tests.widgets.helpers import add_sample, choose

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
