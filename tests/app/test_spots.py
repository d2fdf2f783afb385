"""Opinions on an image, one after the other."""

import numpy as np

from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.spots import opinions, opinions_request
from tests.widgets.helpers import blobs


def test_the_first_comes_alone_and_the_last_is_all_of_them():
    request = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu", also=(("cmunext-xxs", "polyp"),))
    shares = []
    told = list(opinions(blobs(), request, progress=lambda share, text: shares.append(share)))
    alone, mirrored, with_other, with_edges = told
    assert alone.disagreement is None and mirrored.disagreement is not None
    assert "also" not in mirrored.origin and len(with_other.origin["also"]) == 1
    assert with_other.edges is None and with_edges.edges is not None
    assert shares == sorted(shares) and max(shares) == 1
    # what one question for all would have brought
    asked, edges = opinions_request(request)
    whole = predict_array(blobs(), asked, edges=edges)
    np.testing.assert_array_equal(with_edges.probabilities, whole.probabilities)
    np.testing.assert_array_equal(with_edges.edges, whole.edges)
    assert {k: v for k, v in with_edges.origin.items() if k != "seconds"} == {
        k: v for k, v in whole.origin.items() if k != "seconds"
    }


def test_what_a_network_said_already_is_the_first_opinion():
    said = {1: np.full((4, 20, 20), 0.25, np.float16), 2: np.full((4, 20, 20), 0.5, np.float16)}
    request = PredictRequest(network="none", weights="none")
    first = next(opinions(np.zeros((4, 20, 20)), request, said=said, edges=False))
    assert first.probabilities.shape == (2, 4, 20, 20) and first.probabilities.dtype == np.float32
