"""Generation from WaveRNN: what teacher forcing says, sparse as dense, in blocks, bad requests."""

import numpy as np
import pytest
import tensorflow as tf

from tfwave.audio.mel import MelConfig
from tfwave.layers.block_sparsity import Blocks, PruningConfig, is_worth_blocks
from tfwave.layers.tracking import trained_variables
from tfwave.losses.likelihood import sample_softmax
from tfwave.models import sampler
from tfwave.models.wavernn import generation
from tfwave.models.wavernn.cell import halves_of
from tfwave.models.wavernn.config import WaveRNNConfig
from tfwave.models.wavernn.wavernn import WaveRNN

MEL = MelConfig(sample_rate=8000, n_fft=64, hop_length=12, win_length=40, n_mels=5)
TINY = dict(units=32, bins=16, mel=MEL)
SCHEDULE = PruningConfig(0.7, start=0, steps=1, every=1)
CONFIGS = {
    "alone": WaveRNNConfig(**TINY),
    "features": WaveRNNConfig(**TINY, conditioning="features", conditioning_channels=6),
    "pruned": WaveRNNConfig(**TINY, pruning=SCHEDULE, output_pruning=SCHEDULE),
    "features_pruned": WaveRNNConfig(
        **TINY, conditioning="features", conditioning_layers=0, pruning=SCHEDULE
    ),
}
BLOCK = 40


def _generate(model, samples=None, clips=None, **kwargs):
    return model.generate(samples=samples, count=clips, **kwargs)


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    """Several blocks in a short clip, whose borders must not be heard."""
    monkeypatch.setattr(sampler, "BLOCK", BLOCK)


@pytest.fixture(scope="module")
def models():
    """A function that gives the model of a name in CONFIGS, with weights that say something."""
    made = {}

    def model(name):
        if name not in made:
            made[name] = WaveRNN(CONFIGS[name])
            rng = np.random.default_rng(len(name))
            for variable in trained_variables(made[name].network):
                variable.assign(rng.normal(0, 0.5, variable.shape))
            made[name].network.cell.prune(tf.constant(1, tf.int64))
        return made[name]

    return model


def _request(config, clips, samples):
    if config.conditioning == "none":
        return {"clips": clips}
    noise = np.random.default_rng(1).normal(size=(clips, -(-samples // 12), 5))
    return {"features": tf.constant(noise, tf.float32)}


def _padded(config, features):
    ends = [np.repeat(e, config.frame_padding, 1) for e in (features[:, :1], features[:, -1:])]
    return tf.constant(np.concatenate([ends[0], features, ends[1]], axis=1))


# Against teacher forcing.


@pytest.mark.parametrize("name", CONFIGS)
def test_samples_are_drawn_from_what_teacher_forcing_says(models, name):
    model, samples = models(name), 100
    config, request = model.config, _request(model.config, 3, samples)
    made = _generate(model, samples, seed=5, xla=False, **request)
    assert made.shape == (3, samples, 1)
    assert np.abs(made).max() <= 1.0 and len(np.unique(made)) > 20
    waveform = np.concatenate([np.zeros([3, 1]), made[..., 0]], axis=1).astype(np.float32)
    coarse, fine = halves_of(waveform, config.bins)
    local = None
    if "features" in request:
        rows = model.network.conditioner(_padded(config, request["features"].numpy()))
        local = tf.repeat(rows, 12, axis=1)[:, :samples]
    logits = model.network.cell(coarse, fine, local)
    steps = generation.WaveRNNSteps(config.bins, config.hop_length)
    uniform = tf.concat([steps.noise(5, number, 3) for number in range(3)], axis=0)
    for half, values in enumerate((coarse, fine)):
        found = [sample_softmax(logits[half][:, t], uniform[t, :, half]) for t in range(samples)]
        np.testing.assert_array_equal(np.stack(found, axis=1), values[:, 1:])


def test_compiled_and_uncompiled_loops_agree(models):
    one, two = (_generate(models("alone"), 90, clips=2, xla=xla) for xla in (True, False))
    np.testing.assert_array_equal(one, two)


def test_a_clip_does_not_depend_on_the_others_or_on_the_length(models):
    model = models("features")
    features = _request(model.config, 3, 96)["features"]
    three = _generate(model, features=features, seed=2, xla=False)
    assert three.shape == (3, 96, 1)  # all that the features cover
    one = _generate(model, 60, features=features[:1], seed=2, xla=False)
    np.testing.assert_array_equal(three[:1, :60], one)
    other = _generate(model, 60, features=features[:1], seed=3, xla=False)
    assert (one.numpy() != other.numpy()).any()
    same = _generate(model, 60, features=features[:1], clips=2, seed=2, xla=False)
    np.testing.assert_array_equal(same[0], one[0])
    assert (same[0].numpy() != same[1].numpy()).any()


def test_padded_features_bring_their_own_context(models):
    model = models("features")
    features = _request(model.config, 2, 60)["features"].numpy()
    plain = _generate(model, features=features, xla=False)
    padded = _generate(model, features=_padded(model.config, features), padded=True, xla=False)
    np.testing.assert_array_equal(plain, padded)


def test_low_temperature_takes_the_most_likely(models):
    model = models("alone")
    cold, colder = (_generate(model, 50, clips=2, temperature=t, xla=False) for t in (1e-4, 1e-5))
    np.testing.assert_array_equal(cold, colder)
    np.testing.assert_array_equal(cold[0], cold[1])


# Sparse.


@pytest.mark.parametrize("clips", [1, 3])
@pytest.mark.parametrize("name", ["pruned", "features_pruned"])
def test_sparse_and_dense_masked_give_the_same_samples(models, name, clips):
    model = models(name)
    request = _request(model.config, clips, 240)
    dense, sparse = (
        _generate(model, 240, seed=7, sparse=sparse, **request) for sparse in (False, True)
    )
    np.testing.assert_array_equal(dense, sparse)
    assert len(np.unique(dense)) > 20


def test_folding_a_sparse_network_keeps_only_what_is_left(models):
    cell = models("pruned").network.cell
    weights = generation.fold(cell, sparse=True)
    values = np.count_nonzero(weights.recurrent.values)
    assert values == np.count_nonzero(cell.effective_recurrent())
    assert all(isinstance(matrix, Blocks) for matrix in weights.outputs)
    assert isinstance(generation.fold(cell).recurrent, tf.Tensor)


def test_by_default_matrices_are_sparse_where_that_is_faster(models):
    cell = models("pruned").network.cell
    weights, dense = generation.fold(cell, sparse=None), generation.fold(cell)
    pairs = [
        (weights.recurrent, dense.recurrent),
        *zip(weights.outputs, dense.outputs, strict=True),
    ]
    chosen = [isinstance(matrix, Blocks) for matrix, _ in pairs]
    assert chosen == [is_worth_blocks(whole) for _, whole in pairs]
    alone = models("alone").network.cell
    assert isinstance(generation.fold(alone, sparse=None).recurrent, tf.Tensor)


# Draws.


def test_draws_count_cumulative_probabilities():
    probabilities = np.array([[0.1, 0.2, 0.3, 0.4]])
    logits = tf.constant(np.log(probabilities), tf.float32)
    for uniform, value in ((0.0, 0), (0.09, 0), (0.11, 1), (0.29, 1), (0.31, 2), (0.61, 3), (1, 3)):
        found = sample_softmax(logits, tf.constant([uniform], tf.float32))
        assert found.numpy().tolist() == [value]


# Bad input.


@pytest.mark.parametrize(
    "name, request_, words",
    [
        ("alone", {}, "samples: an unconditional network needs their number"),
        ("alone", {"samples": 0}, "samples must be 1 or more, not 0"),
        ("alone", {"samples": 9, "clips": 0}, "clips must be 1 or more, not 0"),
        ("alone", {"samples": 9, "temperature": 0.0}, "temperature must be above 0, not 0.0"),
        ("alone", {"samples": 9, "features": np.ones([1, 9, 5])}, "takes no features"),
        ("features", {"samples": 9}, "needs features"),
        ("features", {"features": np.ones([1, 9, 6])}, "6 channels; the network takes 5"),
        ("features", {"features": np.ones([9, 5])}, r"not of shape \(9, 5\)"),
        ("features", {"features": np.ones([1, 0, 5])}, "no frames"),
        ("features", {"features": np.ones([1, 4, 5]), "padded": True}, "of which 4 are context"),
        ("features", {"features": np.full([1, 9, 5], np.nan)}, "not finite"),
        ("features", {"features": np.ones([2, 9, 5]), "clips": 3}, "clips is 3; .* of 2 clips"),
        ("features", {"features": np.ones([1, 2, 5]), "samples": 25}, "cover 24 samples; 25 are"),
    ],
)
def test_wrong_requests_are_named(models, name, request_, words):
    with pytest.raises(ValueError, match=words):
        _generate(models(name), **request_)
