"""The dual-softmax cell's weights under the symbols of the paper."""

import pytest

from tests.models.authors_weights import check_both_directions, check_refusals
from tfwave.errors import UserError
from tfwave.models.wavernn import weights
from tfwave.models.wavernn.config import WaveRNNConfig
from tfwave.models.wavernn.wavernn import WaveRNN

CONFIG = WaveRNNConfig(units=6, bins=4, out_hidden=5)


def test_both_directions():
    model = WaveRNN(CONFIG)
    arrays = check_both_directions(
        weights, model, WaveRNN(CONFIG, 1), lambda m: m.network.trainable_variables
    )
    assert arrays["R"].shape == (6, 18) and arrays["I"].shape == (3, 18)
    assert arrays["O3"].shape == (3, 5) and arrays["b4"].shape == (4,)
    check_refusals(weights, model)


def test_the_paper_has_no_symbols_for_conditioning():
    config = WaveRNNConfig(units=6, bins=4, conditioning="features", conditioning_channels=4)
    with pytest.raises(UserError, match="symbols for the cell"):
        weights.to_authors(WaveRNN(config))
    with pytest.raises(UserError, match="WaveRNN: there is no reader of the authors' weights"):
        WaveRNN.from_authors("weights.pt")
