"""WaveRNN: sizes, what a prediction may see, likelihood, the update, pruning, wrong settings."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from tfwave.audio.mel import MelConfig
from tfwave.layers.block_sparsity import PruningConfig
from tfwave.layers.tracking import inner_variable, trained_variables
from tfwave.models.wavernn import cell as wavernn_cell
from tfwave.models.wavernn.cell import DualSoftmaxCell
from tfwave.models.wavernn.config import WaveRNNConfig
from tfwave.models.wavernn.wavernn import WaveRNN

MEL = MelConfig(sample_rate=8000, n_fft=64, hop_length=10, win_length=40, n_mels=5)
TINY = dict(units=32, bins=16, mel=MEL, sequence=40)
FEATURES = dict(TINY, conditioning="features", conditioning_channels=6)


def _wave(batch=2, samples=40, seed=0):
    noise = np.random.default_rng(seed).uniform(-0.9, 0.9, [batch, samples + 1])
    return tf.constant(noise, tf.float32)


def _batch(config, batch=2, samples=40, seed=0):
    data = {"waveform": _wave(batch, samples, seed)}
    if config.conditioning == "features":
        frames = -(-(samples + 1) // config.hop_length) + 2 * config.frame_padding
        shape = (batch, frames, config.channels)
        data["features"] = tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)
    return data


def _weights(model):
    return [np.array(tf.convert_to_tensor(w)) for w in trained_variables(model.network)]


# Sizes.


@pytest.mark.parametrize(
    "units, count",
    [(224, 234_640), (384, 617_280), (896, 3_045_952), (1024, 3_939_840), (2048, 15_219_712)],
)
def test_weights_of_the_paper(units, count):
    config = WaveRNNConfig(units=units)
    cell = DualSoftmaxCell(units, config.bins, config.hidden)
    cell.build()
    sizes = [math.prod(w.shape) for w in (cell.recurrent, *cell.outputs)]
    assert sum(sizes) + cell.input_mask().sum() == count
    biases = [math.prod(b.shape) for b in (cell.gate_bias, *cell.output_biases)]
    assert sum(biases) == 3 * units + 2 * (units // 2 + 256)


def test_defaults_are_the_paper_s():
    config = WaveRNNConfig()
    assert (config.units, config.bins, config.sequence) == (896, 256, 960)
    assert (config.sample_rate, config.hop_length, config.hidden) == (24000, 240, 448)
    assert config.sequence % config.hop_length == 0
    assert WaveRNNConfig(feature_channels=300).channels == 300 and config.channels == 80


# Halves of samples.


@settings(max_examples=50)
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=20))
def test_sixteen_bits_survive_the_halves(samples):
    waveform = tf.constant(np.array(samples, np.float32) / 32768)
    coarse, fine = wavernn_cell.halves_of(waveform, 256)
    unsigned = np.array(samples) + 32768
    np.testing.assert_array_equal(coarse, unsigned // 256)
    np.testing.assert_array_equal(fine, unsigned % 256)
    np.testing.assert_array_equal(wavernn_cell.waveform_of(coarse, fine, 256), waveform)


def test_waveforms_are_limited_and_halves_scaled():
    coarse, fine = wavernn_cell.halves_of(tf.constant([-2.0, -1.0, 0.0, 1.0, 7.0]), 256)
    assert coarse.numpy().tolist() == [0, 0, 128, 255, 255]
    assert fine.numpy().tolist() == [0, 0, 0, 255, 255]
    scaled = wavernn_cell.scaled(tf.constant([0, 255]), 256).numpy()
    np.testing.assert_array_equal(scaled, [-1.0, 1.0])


# What a prediction sees.


@pytest.mark.parametrize("half", [0, 1], ids=["coarse", "fine"])
def test_the_future_changes_nothing(half):
    network = WaveRNN(WaveRNNConfig(**TINY)).network
    rng = np.random.default_rng(half)
    halves = [rng.integers(0, 16, [1, 31]) for _ in range(2)]
    before = [np.array(logits) for logits in network(*map(tf.constant, halves))]
    for t in (0, 7, 30):
        changed = [np.array(values) for values in halves]
        changed[half][0, t] = 15 - changed[half][0, t]
        after = [np.array(logits) for logits in network(*map(tf.constant, changed))]
        # Row t - 1 speaks of sample t, whose coarse half is known to its fine one.
        same_coarse, same_fine = t, t - 1 if half == 0 else t
        np.testing.assert_array_equal(before[0][0, :same_coarse], after[0][0, :same_coarse])
        np.testing.assert_array_equal(
            before[1][0, : max(0, same_fine)], after[1][0, : max(0, same_fine)]
        )
        if 0 < t and half == 0:
            assert (before[1][0, t - 1] != after[1][0, t - 1]).any()
        if t < 30:
            assert (before[0][0, t] != after[0][0, t]).any()
            assert (before[1][0, t] != after[1][0, t]).any()


def test_mask_keeps_the_present_from_the_coarse_half_and_its_gradient():
    cell = WaveRNN(WaveRNNConfig(**TINY)).network.cell
    mask = cell.input_mask()
    assert mask.shape == (3, 96) and mask.sum() == 9 * 32 - 3 * 16
    model = WaveRNN(WaveRNNConfig(**TINY))
    _, _, gradients = model.loss_and_gradients(_batch(model.config))
    names = [id(v) for v in trained_variables(model.network)]
    kernel = inner_variable(model.network.cell.inputs_kernel)
    gradient = np.asarray(gradients[names.index(id(kernel))])
    np.testing.assert_array_equal(gradient != 0, mask == 1)


def test_gradients_of_the_recurrence_are_those_that_tensorflow_derives():
    rng = np.random.default_rng(0)
    inputs = tf.constant(rng.normal(size=(7, 2, 18)), tf.float32)
    recurrent = tf.constant(rng.normal(size=(6, 18)), tf.float32)

    def slowly(inputs, recurrent):
        h, states = tf.zeros([2, 6]), []
        for terms in tf.unstack(inputs):
            u, _, e = wavernn_cell.gates(tf.matmul(h, recurrent), terms)
            h = u * h + (1.0 - u) * e
            states.append(h)
        return tf.stack(states)

    results = []
    for run in (slowly, wavernn_cell.recurrence):
        with tf.GradientTape() as tape:
            tape.watch([inputs, recurrent])
            states = run(inputs, recurrent)
            loss = tf.reduce_sum(states * tf.cos(tf.cast(tf.range(7)[:, None, None], tf.float32)))
        results.append([states, *tape.gradient(loss, [inputs, recurrent])])
    for slow, fast in zip(*results, strict=True):
        np.testing.assert_allclose(slow, fast, atol=1e-5)


def test_features_matter_where_they_belong():
    config = WaveRNNConfig(**FEATURES)
    model = WaveRNN(config)
    assert config.frame_padding == 2
    data = _batch(config)
    before = np.array(model(data)[0])
    changed = np.array(data["features"])
    changed[:, 5] += 3.0  # reaches frames 1 to 5 of those behind the padding
    after = np.array(model({**data, "features": tf.constant(changed)})[0])
    np.testing.assert_array_equal(before[:, : 10 - 1], after[:, : 10 - 1])
    assert (before[:, 10 - 1] != after[:, 10 - 1]).any()
    assert before.shape == (2, 40, 16)


# Likelihood and update.


def test_likelihood_of_an_ignorant_network_is_that_of_even_odds():
    model = WaveRNN(WaveRNNConfig(**TINY))
    for weight in trained_variables(model.network):
        weight.assign(tf.zeros_like(weight))
    found = model.test_step(_batch(model.config))
    np.testing.assert_allclose(found["nll_coarse"], math.log(16), rtol=1e-6)
    np.testing.assert_allclose(found["nats_per_sample"], 2 * math.log(16), rtol=1e-6)
    assert float(found["samples"]) == 80


def test_samples_beyond_the_length_do_not_count():
    model = WaveRNN(WaveRNNConfig(**TINY))
    data = {**_batch(model.config), "length": tf.constant([41, 11])}
    found = model.test_step(data)
    assert float(found["samples"]) == 40 + 10
    noise = np.array(data["waveform"])
    noise[1, 11:] = 0.5
    again = model.test_step({**data, "waveform": tf.constant(noise)})
    np.testing.assert_allclose(found["nats_per_sample"], again["nats_per_sample"], rtol=1e-6)


@pytest.mark.parametrize("config", [TINY, FEATURES], ids=["alone", "features"])
def test_training_learns_and_says_of_both_halves(config):
    model = WaveRNN(WaveRNNConfig(**config, learning_rate=0.01), seed=1)
    model.compile()
    wave = 0.8 * np.sin(np.arange(41) / 3.0 + np.arange(2)[:, np.newaxis])
    data = {**_batch(model.config), "waveform": tf.constant(wave, tf.float32)}
    step = tf.function(model.train_step, autograph=False)
    first = {name: float(value) for name, value in step(data).items()}
    for _ in range(40):
        last = {name: float(value) for name, value in step(data).items()}
    assert set(last) == {"loss", "nll_coarse", "nll_fine", "grad_norm"}
    np.testing.assert_allclose(last["loss"], last["nll_coarse"] + last["nll_fine"], rtol=1e-6)
    assert last["nll_coarse"] < 0.7 * first["nll_coarse"]
    assert int(model.step) == 41


def test_default_optimiser_is_adam_at_a_thousandth():
    model = WaveRNN(WaveRNNConfig(**TINY))
    model.compile()
    assert type(model.optimizer).__name__ == "Adam"
    np.testing.assert_allclose(model.optimizer.learning_rate, 1e-3)


# Pruning.


def _pruned(block="16x1", **changes):
    schedule = PruningConfig(0.75, block, start=2, steps=4, every=2)
    sizes = dict(TINY, pruning=schedule, output_pruning=schedule)
    return WaveRNN(WaveRNNConfig(**{**sizes, **changes}), seed=3)


@pytest.mark.parametrize("block", ["element", "4x4", "16x1"])
def test_training_prunes_on_schedule(block):
    model = _pruned(block)
    model.compile()
    step = tf.function(model.train_step, autograph=False)
    batches = [_batch(model.config, samples=5, seed=i) for i in range(9)]
    shares = [float(step(batch)["sparsity"]) for batch in batches]
    expected = [0, 0, 0, 1 - 0.5**3, 1 - 0.5**3, 1, 1, 1, 1]
    np.testing.assert_allclose(shares, 0.75 * np.array(expected), atol=0.01)
    cell = model.network.cell
    for gate in tf.split(cell.effective_recurrent(), 3, axis=1):  # each gate has its own share
        np.testing.assert_allclose(np.mean(np.array(gate) == 0), 0.75, atol=0.01)
    for matrix in cell.effective_outputs():
        np.testing.assert_allclose(np.mean(np.array(matrix) == 0), 0.75, atol=0.02)


def test_pruned_weights_have_no_gradient_and_no_effect():
    model = _pruned(output_pruning=None)
    cell = model.network.cell
    cell.prune(tf.constant(6, tf.int64))
    gone = np.array(cell.effective_recurrent()) == 0
    data = _batch(model.config)
    before = np.array(model(data)[0])
    _, _, gradients = model.loss_and_gradients(data)
    gradient = next(np.array(g) for g in gradients if g.shape == gone.shape)
    assert not gradient[gone].any() and np.mean(gradient[~gone] != 0) > 0.9
    cell.recurrent.assign(tf.where(gone, 5.0, tf.convert_to_tensor(cell.recurrent)))
    np.testing.assert_array_equal(before, model(data)[0])


# Checkpoints.


# Bad input.


@pytest.mark.parametrize(
    "field, value",
    [
        ("units", 7),
        ("units", 0),
        ("bins", 7),
        ("bins", 512),
        ("out_hidden", -1),
        ("conditioning", "mel"),
        ("feature_channels", -1),
        ("conditioning_layers", -1),
        ("conditioning_channels", 0),
        ("sequence", 0),
        ("learning_rate", 0.0),
    ],
)
def test_impossible_settings_are_named(field, value):
    with pytest.raises(ValueError, match=rf"WaveRNNConfig\.{field} is {value!r}; it must be"):
        WaveRNNConfig(**{field: value})


def test_sizes_that_blocks_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"\.units is 48; .* 16 in each half for blocks of 16x1"):
        WaveRNNConfig(units=48, pruning=PruningConfig(0.9))
    with pytest.raises(ValueError, match=r"\.out_hidden is 10; it must be a multiple of 4"):
        WaveRNNConfig(units=48, out_hidden=10, output_pruning=PruningConfig(0.9, "4x4"))
    WaveRNNConfig(units=48, pruning=PruningConfig(0.9, "4x4"))
