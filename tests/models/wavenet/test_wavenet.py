"""WaveNet: what a prediction may see, the update, conditioning, checkpoints, wrong settings."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from tfwave.audio.mel import MelConfig
from tfwave.errors import UserError
from tfwave.layers.local_conditioning import LocalConditioningConfig
from tfwave.models.wavenet.config import WaveNetConfig, r9y9_config
from tfwave.models.wavenet.context import ContextConfig
from tfwave.models.wavenet.wavenet import WaveNet

TINY = dict(
    dilations=(1, 2, 4, 1, 2, 4), residual_channels=8, gate_channels=16, skip_channels=8, levels=32
)
SCALAR = dict(TINY, one_hot_input=False, initial_kernel_size=4)
FEATURES = LocalConditioningConfig(3, (2, 2), frame_padding=1)
CONTEXT = ContextConfig(4, (1, 2, 4), 4)
FULL = dict(
    TINY,
    kernel_size=3,
    output="logistic_mixture",
    mixtures=2,
    one_hot_input=False,
    speakers=3,
    speaker_channels=4,
    conditioning=FEATURES,
    average_decay=0.5,
)
CAUSAL = dict(TINY, padding="causal")


def _sine(batch=2, time=80):
    phases = np.arange(time) / 9.0 + np.arange(batch)[:, np.newaxis]
    return tf.constant(0.7 * np.sin(phases), tf.float32)


def _batch(config, time=80, seed=0):
    rng = np.random.default_rng(seed)
    batch = {"waveform": _sine(time=time)}
    if config.conditioning is not None:
        frames = -(-time // config.conditioning.hop_length) + 2 * config.conditioning.frame_padding
        shape = (2, frames, config.conditioning.channels)
        batch["features"] = tf.constant(rng.normal(size=shape), tf.float32)
    if config.speakers:
        batch["speaker"] = tf.constant([0, 2])
    return batch


def _params(model, batch, **changes):
    return model.predictions({**batch, **changes}, model.network)[0].numpy()


def _weights(network):
    return [np.array(tf.convert_to_tensor(v)) for v in network.variables]


def _randomise(network, seed):
    rng = np.random.default_rng(seed)
    for variable in network.variables:
        variable.assign(rng.normal(size=variable.shape))


# What a prediction sees.


def test_receptive_fields_and_sizes():
    assert WaveNetConfig().receptive_field == 5 * 1023 + 2
    assert r9y9_config().receptive_field == 2 * 3 * 1023 + 1
    assert WaveNetConfig(**TINY).receptive_field == 16
    assert WaveNetConfig(**SCALAR).receptive_field == 18
    context = WaveNetConfig(**TINY, context=CONTEXT)
    # The first block is conditioned 13 samples back, there by 8 frames and up to one that waits.
    assert context.receptive_field == 13 + (8 + 1) * 4 - 1 and context.stack_receptive_field == 16
    assert WaveNetConfig(**TINY, conditioning=FEATURES, context=CONTEXT).local_channels == 7
    sizes = {"categorical": 32, "gaussian": 2, "gaussian_mixture": 12, "logistic_mixture": 12}
    for output, size in sizes.items():
        config = WaveNetConfig(**{**SCALAR, "output": output, "mixtures": 4})
        assert config.output_channels == size


def test_a_prediction_depends_on_its_receptive_field_and_no_more():
    model = WaveNet(WaveNetConfig(**SCALAR))
    waveform, row = _sine(1, 40), 5
    with tf.GradientTape() as tape:
        tape.watch(waveform)
        params = model.predictions({"waveform": waveform}, model.network)[0]
        loss = tf.reduce_sum(params[0, row] ** 2)
    seen = np.flatnonzero(tape.gradient(loss, waveform)[0])
    # Row 0 speaks of the first sample after a receptive field.
    assert seen[0] == row and seen[-1] == row + model.config.receptive_field - 1


@pytest.mark.parametrize(
    "config",
    [
        WaveNetConfig(**TINY),
        WaveNetConfig(**CAUSAL),
        WaveNetConfig(**SCALAR, context=CONTEXT),
        WaveNetConfig(**CAUSAL, context=CONTEXT),
    ],
    ids=["valid", "causal", "valid-context", "causal-context"],
)
def test_the_future_changes_nothing(config):
    model = WaveNet(config)
    _randomise(model.network, 0)
    first = config.receptive_field if config.padding == "valid" else 1
    waveform = np.array(_sine(1))
    before = _params(model, {"waveform": waveform})
    assert before.shape == (1, 80 - first, config.output_channels)
    for time in (first, 50, 51, 52, 53, 78):
        changed = np.array(waveform)
        changed[0, time] = -changed[0, time] + 0.3
        after = _params(model, {"waveform": tf.constant(changed)})
        rows = time + 1 - first  # those of the samples up to the changed one
        np.testing.assert_array_equal(before[:, :rows], after[:, :rows])
        assert (before[:, rows] != after[:, rows]).any()
        unseen = before.shape[1] - max(0, before.shape[1] - rows - config.receptive_field)
        np.testing.assert_array_equal(before[:, unseen:], after[:, unseen:])


@pytest.mark.parametrize("sizes", [TINY, dict(SCALAR, kernel_size=3)], ids=["codes", "scalar"])
def test_valid_rows_are_the_causal_ones_beyond_the_receptive_field(sizes):
    network = WaveNet(WaveNetConfig(**sizes)).network
    waveform = _sine()
    inputs = tf.cast(16 * waveform + 16, tf.int32) if sizes is TINY else waveform
    valid, causal = (network(inputs, padding=padding) for padding in ("valid", "causal"))
    assert causal.shape[1] == 80
    assert valid.shape[1] == 80 - network.config.stack_receptive_field + 1
    np.testing.assert_allclose(valid, causal[:, -valid.shape[1] :], atol=1e-5)


def test_context_reaches_further_than_the_stack():
    model = WaveNet(WaveNetConfig(**SCALAR, context=CONTEXT))
    _randomise(model.network, 1)
    waveform = np.array(_sine(1))
    changed = np.array(waveform)
    changed[:, : 48 - 18] += 0.5  # all but the stack's own field of the first predicted sample
    before, after = (_params(model, {"waveform": tf.constant(w)}) for w in (waveform, changed))
    assert (before[:, 0] != after[:, 0]).any()
    assert len(model.network.context.trainable_variables) == 2 + 3 * 6


# Conditioning.


def test_speakers_and_features_matter():
    config = WaveNetConfig(**{**FULL, "padding": "causal"})
    model = WaveNet(config)
    _randomise(model.network, 0)
    batch = _batch(config)
    before = _params(model, batch)
    speaker = _params(model, batch, speaker=tf.constant([1, 2]))
    assert (before[0] != speaker[0]).any(axis=-1).mean() > 0.5
    np.testing.assert_array_equal(before[1], speaker[1])
    features = np.array(batch["features"])
    features[:, 10] += 1.0
    moved = (before != _params(model, batch, features=tf.constant(features))).any(axis=(0, 2))
    # Frame 10 lies 9 frames of 4 samples in, and reaches 3 frames back.
    assert not moved[: 6 * 4].any() and moved[9 * 4 : 10 * 4].any()


def test_vectors_may_stand_for_speakers():
    model = WaveNet(WaveNetConfig(**TINY, speaker_channels=4))
    vectors = tf.constant([[1.0, 0, 0, 0], [0, 0, 1.0, 0]])
    batch = {"waveform": tf.repeat(_sine(1), 2, axis=0), "speaker": vectors}
    assert model.network.embedding is None
    found = _params(model, batch)
    assert (found[0] != found[1]).any()


def test_a_square_table_starts_as_one_hot():
    table = WaveNet(WaveNetConfig(**TINY, speakers=4, speaker_channels=4)).network.embedding
    np.testing.assert_array_equal(table(tf.range(4)), np.eye(4))


# The update.


def test_training_learns_a_sine():
    model = WaveNet(WaveNetConfig(**TINY, learning_rate=0.01))
    model.compile()
    step = tf.function(model.train_step, autograph=False)
    bits = [float(step(_batch(model.config))["bits_per_sample"]) for _ in range(40)]
    assert 4.0 < bits[0] < 6.5 and np.mean(bits[-5:]) < 0.7 * bits[0]
    assert int(model.step) == 40 and model.averaged is model.network


def test_averaged_weights_follow_and_are_the_ones_evaluated():
    model = WaveNet(WaveNetConfig(**FULL))
    model.compile()
    start = _weights(model.averaged)
    batch = _batch(model.config)
    metrics = model.train_step(batch)
    assert all(np.isfinite(float(value)) for value in metrics.values())
    moved = 0
    for old, average, new in zip(
        start, _weights(model.averaged), _weights(model.network), strict=True
    ):
        np.testing.assert_allclose(average, 0.5 * old + 0.5 * new, atol=1e-6)
        moved += (old != new).any()
    # The last residual convolution feeds nothing.
    assert moved == len(start) - 2
    np.testing.assert_array_equal(model(batch), model.predictions(batch, model.averaged)[0])
    assert (model(batch) != _params(model, batch)).numpy().any()


def test_dropout_is_a_function_of_seed_and_step():
    def loss(seed, step):
        model = WaveNet(WaveNetConfig(**TINY, dropout=0.3), seed=0)
        model.seed = seed
        model.compile()
        model.step.assign(step)
        return float(model.train_step(_batch(model.config))["loss"])

    first = loss(0, 3)
    assert first == loss(0, 3)
    assert first != loss(0, 4) and first != loss(1, 3)


def test_loss_has_the_squares_of_all_weights():
    config = WaveNetConfig(**TINY, l2_strength=0.01)
    model = WaveNet(config)
    _randomise(model.network, 0)
    loss, nats, _ = model.loss_and_gradients(_batch(config))
    squares = sum(float((weight**2).sum()) / 2 for weight in _weights(model.network))
    assert float(loss - nats) == pytest.approx(0.01 * squares, rel=1e-3)


@pytest.mark.parametrize("padding", ["valid", "causal"])
def test_samples_beyond_the_length_do_not_count(padding):
    model = WaveNet(WaveNetConfig(**{**TINY, "padding": padding}))
    batch = _batch(model.config)
    bits = model.test_step({**batch, "length": tf.constant([50, 50])})
    short = model.test_step({"waveform": batch["waveform"][:, :50]})
    assert float(bits["samples"]) == float(short["samples"])
    assert float(bits["bits_per_sample"]) == pytest.approx(float(short["bits_per_sample"]), 1e-5)


def test_bits_are_those_of_a_uniform_distribution_and_of_a_density():
    model = WaveNet(WaveNetConfig(**TINY))
    _silence(model)
    assert float(model.test_step(_batch(model.config))["bits_per_sample"]) == pytest.approx(5.0)
    model = WaveNet(WaveNetConfig(**SCALAR, output="gaussian"))
    _silence(model)  # mean 0, scale 1
    batch = _batch(model.config)
    nats = 0.5 * math.log(2 * math.pi) + 0.5 * np.mean(batch["waveform"][:, 18:].numpy() ** 2)
    expected = nats / math.log(2) + 15
    assert float(model.test_step(batch)["bits_per_sample"]) == pytest.approx(expected, abs=1e-4)


def _silence(model):
    for variable in model.network.head[1].variables:
        variable.assign(tf.zeros_like(tf.convert_to_tensor(variable)))


def test_learning_rate_is_halved():
    def moved(halve_every):
        model = WaveNet(WaveNetConfig(**{**TINY, "dilations": (1,)}, halve_every=halve_every))
        model.compile()
        model.optimizer.iterations.assign(25)
        before = _weights(model.network)[0]
        model.train_step(_batch(model.config))
        return np.linalg.norm(_weights(model.network)[0] - before)

    assert moved(10) == pytest.approx(moved(0) / 4, rel=1e-3)


# Checkpoints.


# Settings.


@pytest.mark.parametrize(
    "field, value",
    [
        ("dilations", ()),
        ("dilations", (1, 0)),
        ("kernel_size", 1),
        ("residual_channels", 0),
        ("gate_channels", 7),
        ("gate_channels", 0),
        ("skip_channels", 0),
        ("output", "laplace"),
        ("levels", 1),
        ("mixtures", 0),
        ("initial_kernel_size", 0),
        ("mulaw_convention", "floor"),
        ("skip_scaling", "half"),
        ("padding", "same"),
        ("dropout", 1.0),
        ("speakers", 2),
        ("speakers", -1),
        ("speaker_channels", -1),
        ("halve_every", -1),
        ("average_decay", 1.0),
    ],
)
def test_a_wrong_value_names_its_field(field, value):
    with pytest.raises(ValueError, match=rf"\b{field}\b"):
        WaveNetConfig(**{field: value})


def test_other_wrong_settings():
    with pytest.raises(ValueError, match="one_hot_input"):
        WaveNetConfig(output="gaussian")
    for field, value in (("stride", 6), ("stride", 0), ("channels", 0), ("dilations", ())):
        with pytest.raises(ValueError, match=rf"\b{field}\b"):
            ContextConfig(**{field: value})


def test_wrong_batches_are_one_sentence():
    config = WaveNetConfig(**TINY)
    model = WaveNet(config)
    with pytest.raises(ValueError, match=f"at least {config.receptive_field + 1} are needed"):
        model.test_step({"waveform": tf.zeros([1, config.receptive_field])})
    codes = np.zeros([1, 40], np.int32)
    for wrong in (-1, config.levels):
        codes[0, 7] = wrong
        with pytest.raises(ValueError, match=f"inputs hold code {wrong}; the network has 0 to"):
            model.network(tf.constant(codes))
    conditioned = WaveNetConfig(
        **TINY, conditioning=LocalConditioningConfig(channels=3, scales=(2, 2), frame_padding=0)
    )
    with pytest.raises(ValueError, match="features cover 40 samples, but 79 are given"):
        WaveNet(conditioned).test_step(
            {"waveform": tf.zeros([1, 80]), "features": tf.zeros([1, 10, 3])}
        )


def test_a_front_end_of_other_features_is_refused():
    mel = MelConfig(sample_rate=8000, n_fft=64, hop_length=6, win_length=24, n_mels=5)
    conditioning = LocalConditioningConfig(5, (2, 3))
    config = WaveNetConfig(**{**TINY, "sample_rate": 8000, "conditioning": conditioning})
    assert WaveNet(config, mel=mel).kind == "mel" and WaveNet(config).kind == "samples"
    with pytest.raises(UserError, match="mel has 7 bands and a hop of 6"):
        WaveNet(config, mel=dataclasses.replace(mel, n_mels=7))
    with pytest.raises(UserError, match="mel is of 16000 Hz; the network's waveforms have 8000"):
        WaveNet(config, mel=dataclasses.replace(mel, sample_rate=16000))
