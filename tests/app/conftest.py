"""What tests of the services share."""

import pytest

from napari_medseg.app.demo import sample_project
from tests.cli.helpers import save_fresh


@pytest.fixture
def sampled(tmp_path):
    """A project of the samples of nuclei, none of them accepted."""
    with sample_project(tmp_path / "p") as made:
        yield made


@pytest.fixture(scope="session")
def quick_weights(tmp_path_factory):
    """Of a network that sees 32 px and knows nothing: for tests in which somebody must be asked, whatever he says."""
    return str(save_fresh(tmp_path_factory.mktemp("weights") / "quick.safetensors", "cmunext-xxs", input_size=(32, 32)))
