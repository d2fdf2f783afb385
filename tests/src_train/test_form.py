"""What a network is before its first step, by what it begins with."""

import pytest
import torch

from napari_medseg.networks import create_network, get_spec
from napari_medseg.weights import WeightsEntry, save_weights
from napari_medseg.weights.hub import find_pretrained
from src_train.form import entry_of, form_of, starting_network
from tests.src_train.helpers import make_run

SLIM = {"planes": 4, "depths": [1, 1, 1, 1], "pyramid": 8, "box_width": 8, "width": 8, "layers": 1}


def test_dcsnets_norms_and_stem_learn_unless_pretrained_weights_are_loaded(tmp_path):
    fresh = make_run(tmp_path, network="dcsnet", options=SLIM)
    network = starting_network(fresh, form_of(fresh))
    body = network.detector.backbone.body
    assert isinstance(body.bn1, torch.nn.BatchNorm2d)
    assert all(parameter.requires_grad for parameter in network.parameters())

    state = {name: torch.randn_like(value) for name, value in body.state_dict().items() if value.is_floating_point()}
    torch.save(state, tmp_path / "resnet.pth")
    pretrained = make_run(tmp_path, network="dcsnet", options=SLIM, pretrained=str(tmp_path / "resnet.pth"))
    form = form_of(pretrained)
    network = starting_network(pretrained, form)
    still = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert still == ["detector.backbone.body.conv1.weight"]
    assert form.options["frozen"] is True
    assert form.notices == ("pretrained backbone from resnet.pth",)
    assert torch.equal(network.detector.backbone.body.bn1.running_mean, state["bn1.running_mean"])


def test_weights_say_of_whose_encoder_they_are_made_and_so_do_those_made_from_them(tmp_path):
    """The licence of the encoder asks for it."""
    options = {"edge_width": 8, "decoder_width": 4}
    lite0 = str(find_pretrained("efficientnet-lite0"))
    spec = make_run(tmp_path, network="sgd-net-s", options=options, pretrained=lite0)
    entry = entry_of(spec, form_of(spec), (64, 64))
    assert len(entry.notices) == 1
    assert "RangiLyu" in entry.notices[0]
    assert "Apache" in entry.notices[0]
    entry = save_weights(tmp_path / "w.safetensors", create_network("sgd-net-s", **entry.options), entry)
    later = make_run(tmp_path, network="sgd-net-s", start_from=str(tmp_path / "w.safetensors"))
    assert entry_of(later, form_of(later), (64, 64)).notices == entry.notices
    fresh = make_run(tmp_path, network="sgd-net-s", options=options)
    assert entry_of(fresh, form_of(fresh), (64, 64)).notices == ()


@pytest.mark.parametrize("frozen", [True, False])
def test_weights_that_a_run_starts_from_say_whether_the_norms_learn(tmp_path, frozen):
    options = {**get_spec("dcsnet").options, **SLIM, "frozen": frozen}
    entry = WeightsEntry(id="dcsnet/a@1", network="dcsnet", task="a", options=options)
    save_weights(tmp_path / "w.safetensors", create_network("dcsnet", **options), entry)
    spec = make_run(tmp_path, network="dcsnet", start_from=str(tmp_path / "w.safetensors"))
    form = form_of(spec)
    assert form.options["frozen"] is frozen
    body = starting_network(spec, form).detector.backbone.body
    assert body.conv1.weight.requires_grad is not frozen
