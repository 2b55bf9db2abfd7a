"""Networks use a GPU where TensorFlow sees one, without a setting; the test needs one, and says so."""

import numpy as np
import pytest

from bumphunt.scores.autoencoder import Autoencoder
from bumphunt.scores.cwola_network import NetworkClassifier
from bumphunt.scores.vae import VariationalAutoencoder

ROWS = np.random.default_rng(1).random((400, 3))


def places(network):
    """Return the kinds of devices that hold the trained weights."""
    return {str(weight.value.device).split(":")[-2] for weight in network.trainable_weights}


def trained():
    """Return the networks of all kinds of scores, trained as users train them."""
    how = {"hidden": (8,), "epochs": 1, "seed": 1}
    yield VariationalAutoencoder(**how, batch_size=100).fit(ROWS).network_
    yield Autoencoder(**how, batch_size=100).fit(ROWS).network_
    yield NetworkClassifier(members=1, epochs=1, seed=1).fit(ROWS, ROWS[:, 0] > 0.5).network_


def test_networks_are_on_the_gpu_where_there_is_one():
    from bumphunt.scores.backend import import_tensorflow

    if not import_tensorflow().config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow sees no GPU here")
    for network in trained():
        assert places(network) == {"GPU"}


def test_a_network_that_is_kept_off_it_is_told_apart():
    from bumphunt.scores.backend import import_tensorflow

    with import_tensorflow().device("CPU:0"):
        assert places(next(trained())) == {"CPU"}
