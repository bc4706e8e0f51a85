"""Fast generation from WaveNet equals slow generation, in every form; what a request may not be."""

import numpy as np
import pytest
import tensorflow as tf

from tfwave.layers.local_conditioning import LocalConditioningConfig
from tfwave.models import sampler
from tfwave.models.wavenet import generation, outputs, queues
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.context import ContextConfig
from tfwave.models.wavenet.wavenet import WaveNet

TINY = dict(
    dilations=(1, 2, 4, 1, 2, 4), residual_channels=8, gate_channels=16, skip_channels=8, levels=32
)
SCALAR = dict(TINY, one_hot_input=False, mixtures=3)
FEATURES = LocalConditioningConfig(3, (4, 2), frame_padding=1)
CONFIGS = {
    "one_hot": WaveNetConfig(**TINY),
    "one_hot_causal_width_3": WaveNetConfig(
        **TINY,
        kernel_size=3,
        padding="causal",
        skip_scaling="total",
        residual_scale=0.7,
        weight_normalization=True,
        initial_bias=True,
    ),
    "categorical_of_waveform": WaveNetConfig(**{**SCALAR, "initial_kernel_size": 5}),
    "logistic": WaveNetConfig(**SCALAR, output="logistic_mixture", padding="causal"),
    "gaussian": WaveNetConfig(**SCALAR, output="gaussian", skip_scaling="running"),
    "gaussian_mixture_conditioned": WaveNetConfig(
        **SCALAR,
        output="gaussian_mixture",
        padding="causal",
        initial_kernel_size=1,
        speakers=3,
        speaker_channels=4,
        conditioning=FEATURES,
        conditioning_bias=True,
    ),
    "context": WaveNetConfig(**TINY, context=ContextConfig(8, (1, 2), 4)),
    "context_and_features": WaveNetConfig(
        **SCALAR,
        output="gaussian",
        padding="causal",
        context=ContextConfig(8, (1, 2), 4),
        conditioning=FEATURES,
    ),
}
BLOCK = 40


def _generate(model, samples=None, clips=None, prime_with=None, **kwargs):
    return model.generate(samples=samples, count=clips, prime=prime_with, **kwargs)


def _streamed(model, samples, **kwargs):
    return tf.concat(list(generation.stream(model.averaged, samples, **kwargs)), axis=1)


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
            made[name] = WaveNet(CONFIGS[name])
            _speak(made[name].network, len(name))
        return made[name]

    return model


def _speak(network, seed):
    """Change the weights so that what is drawn depends on them and on the inputs."""
    if network.config.weight_normalization:
        network.head[1].gain.assign(10.0 * np.asarray(network.head[1].gain))
        return
    rng = np.random.default_rng(seed)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(0, 0.4, variable.shape))


def _noise(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).uniform(-0.6, 0.6, shape), tf.float32)


def _request(config, clips, samples, known=0):
    """Arguments of `generate` that the network needs."""
    request = {"clips": clips, "xla": False}
    if config.conditioning is not None:
        frames = -(-(known + samples) // 8) + 2
        request["features"] = _noise(clips, frames, 3, seed=1)
    if config.speakers:
        request["speaker"] = tf.range(clips) % config.speakers
    return request


def _local(network, waveform, features, known, virtual):
    parts = []
    if features is not None:
        rows = network.conditioner(features)
        if virtual:  # silence before the clip is conditioned as its beginning
            rows = tf.concat([tf.repeat(rows[:, :1], known - 1, axis=1), rows], axis=1)
        parts.append(rows[:, : waveform.shape[1]])
    if network.context is not None:
        parts.append(network.context(waveform, first=known))
    return tf.concat(parts, axis=-1) if parts else None


def _slowly(network, made, prime_with=None, features=None, speaker=None, seed=0, **_):
    """What a pass over the whole receptive field says after each sample, drawn with the same draws.

    By induction it is the audio that generation without queues makes.
    """
    config, (clips, samples) = network.config, made.shape
    virtual = prime_with is None
    if virtual:
        past = config.receptive_field if config.padding == "valid" else 1
        prime_with = tf.zeros([clips, past])
    known = prime_with.shape[1]
    waveform = tf.concat([prime_with, made], axis=1)[:, :-1]
    local = _local(network, waveform, features, known, virtual)
    vector = network.speaker_vector(speaker)
    inputs = outputs.as_inputs(config, waveform)

    def windows(starts, ends):
        """Stack stretches of the inputs and their conditioning, [stretches * clips, time]."""
        stretch = list(zip(starts, ends, strict=True))
        rows = None if local is None else tf.concat([local[:, a:b] for a, b in stretch], 0)
        vectors = None if vector is None else tf.concat([vector] * len(stretch), 0)
        return tf.concat([inputs[:, a:b] for a, b in stretch], 0), rows, vectors

    field, ends = config.stack_receptive_field, np.arange(known, known + samples)
    params = []
    if known < field:  # zeros before every layer stand for what is not there
        short = slice(0, field - 1)
        rows = None if local is None else local[:, short]
        early = network(inputs[:, short], rows, vector, padding="causal")[:, known - 1 :]
        params.append(tf.reshape(tf.transpose(early, [1, 0, 2]), [-1, early.shape[-1]]))
    ends = ends[ends >= field]
    params.append(queues.naive(network, *windows(ends - field, ends)))
    block = BLOCK if config.context is None else config.context.stride
    numbers = [
        outputs.draws(config, tf.constant(seed), tf.constant(i), clips, block)
        for i in range(-(-samples // block))
    ]
    numbers = [tf.concat(parts, axis=0)[:samples] for parts in zip(*numbers, strict=True)]
    numbers = [tf.reshape(part, [samples * clips, *part.shape[2:]]) for part in numbers]
    values = outputs.draw_value(config, tf.concat(params, axis=0), numbers)
    values = tf.reshape(outputs.value_as_waveform(config, values), [samples, clips])
    return tf.transpose(values)


@pytest.mark.parametrize("name", CONFIGS)
def test_fast_equals_naive(models, name):
    model = models(name)
    samples = 2 * model.config.receptive_field + 9
    request = _request(model.config, 2, samples)
    made = _generate(model, samples, seed=5, **request)
    assert made.shape == (2, samples, 1) and np.abs(made).max() <= 1.0
    assert np.std(made) > 0.01 and (made[0] != made[1]).numpy().any()
    slow = _slowly(model.network, made[..., 0], seed=5, **request)
    np.testing.assert_allclose(made[..., 0], slow, atol=1e-4)


@pytest.mark.parametrize(
    "name, known",
    [
        ("one_hot", 7),
        ("one_hot_causal_width_3", 37),
        ("gaussian", 21),
        ("gaussian_mixture_conditioned", 5),
        ("gaussian_mixture_conditioned", 29),
        ("context", 53),
        ("context_and_features", 45),
    ],
)
def test_priming_continues(models, name, known):
    model = models(name)
    request = _request(model.config, 2, 30, known)
    prime_with = _noise(2, known, seed=3)
    made = _generate(model, 30, prime_with=prime_with, **request)
    slow = _slowly(model.network, made[..., 0], prime_with, **request)
    np.testing.assert_allclose(made[..., 0], slow, atol=1e-4)
    other = _generate(model, 30, prime_with=-prime_with, **request)
    assert (made != other).numpy().any()


def test_given_audio_goes_on_as_it_began(models):
    """The most likely continuation of a greedy clip is its rest."""
    model = models("one_hot_causal_width_3")
    whole = _generate(model, 70, greedy=True, xla=False, prime_with=_noise(1, 40))
    begun = tf.concat([_noise(1, 40), whole[:, :25, 0]], axis=1)
    rest = _generate(model, 45, greedy=True, xla=False, prime_with=begun)
    np.testing.assert_array_equal(whole[:, 25:], rest)


def test_xla_equals_op_by_op(models):
    model = models("one_hot")
    plain = _generate(model, 60, clips=2, xla=False)
    np.testing.assert_array_equal(_generate(model, 60, clips=2, xla=True), plain)


def test_clips_do_not_depend_on_their_number_or_on_shards(models):
    model = models("gaussian_mixture_conditioned")
    request = _request(model.config, 4, 50)
    together = _streamed(model, 50, shards=1, **request)
    np.testing.assert_allclose(_streamed(model, 50, shards=2, **request), together, atol=1e-5)
    fewer = {"features": request["features"][:2], "speaker": request["speaker"][:2]}
    made = _generate(model, 50, clips=2, xla=False, **fewer)
    np.testing.assert_allclose(made, together[:2], atol=1e-5)


def test_a_shorter_clip_is_the_beginning_and_seeds_repeat(models):
    model = models("gaussian")
    whole = _generate(model, 90, clips=2, seed=1, xla=False)
    assert (_generate(model, 90, clips=2, seed=2, xla=False) != whole).numpy().any()
    shorter = _generate(model, 50, clips=2, seed=1, xla=False)
    np.testing.assert_array_equal(shorter, whole[:, :50])


def test_one_row_stands_for_all_clips(models):
    model = models("gaussian_mixture_conditioned")
    request = {"features": _noise(1, 7, 3), "speaker": tf.constant([1]), "xla": False}
    made = _generate(model, 30, clips=2, **request)
    both = {key: tf.repeat(value, 2, axis=0) for key, value in request.items() if key != "xla"}
    np.testing.assert_array_equal(_generate(model, 30, **both, xla=False), made)
    other = _generate(model, 30, clips=2, **{**request, "speaker": tf.constant([2])})
    assert (made != other).numpy().any()


@pytest.mark.parametrize(
    "name", ["one_hot", "logistic", "gaussian", "gaussian_mixture_conditioned"]
)
def test_a_low_temperature_is_greedy(name):
    config = CONFIGS[name]
    params = _noise(50, config.output_channels)
    drawn = [part[0] for part in outputs.draws(config, 3, 0, 50, 4)]
    cold = outputs.draw_value(config, params, drawn, temperature=1e-6)
    greedy = outputs.draw_value(config, params, drawn, greedy=True)
    np.testing.assert_allclose(cold, greedy, atol=1e-4)
    assert (outputs.draw_value(config, params, drawn) != greedy).numpy().mean() > 0.5


def test_bfloat16_stays_close(models):
    network = models("logistic").network
    inputs, params = _noise(2, 20), {}
    for precision in ("float32", "mixed_bfloat16"):
        weights = queues.fold(network, precision)
        terms = queues.gate_terms(network, weights, None, 2), None
        state = queues.prime(network, inputs)
        params[precision], _ = queues.WaveNetSteps(network.config).describe(weights, state, terms)
    scale = np.abs(params["float32"]).max()
    error = np.abs(params["float32"] - params["mixed_bfloat16"]).max()
    assert 0 < error < 0.05 * scale


@pytest.mark.parametrize(
    "name, request_, message",
    [
        ("one_hot", {"samples": 0}, "samples must be 1 or more, not 0"),
        ("one_hot", {"clips": 0}, "clips must be 1 or more, not 0"),
        ("one_hot", {"temperature": 0.0}, "temperature must be above 0, not 0.0"),
        ("one_hot", {"temperature": -1.0}, "temperature must be above 0, not -1.0"),
        ("one_hot", {"temperature": float("nan")}, "temperature must be above 0, not nan"),
        ("one_hot", {"prime_with": np.zeros([1, 0])}, r"prime_with .* shape \(1, 0\)"),
        ("one_hot", {"prime_with": np.zeros([20])}, r"prime_with .* shape \(20,\)"),
        ("one_hot", {"features": np.zeros([1, 9, 3])}, "features: this network takes no local"),
        ("one_hot", {"speaker": [0]}, "speaker: this network knows no speakers"),
        ("one_hot", {"clips": 3, "prime_with": np.zeros([2, 5])}, r"clips: .* \[2, 3\] clips"),
        ("gaussian_mixture_conditioned", {"speaker": None}, "speaker: .* needs a speaker"),
        ("gaussian_mixture_conditioned", {"speaker": [3]}, "speaker 3 is unknown; .* 0 to 2"),
        ("gaussian_mixture_conditioned", {"speaker": [0, -1]}, "speaker -1 is unknown"),
        ("gaussian_mixture_conditioned", {"features": None}, "features: this network needs"),
        (
            "gaussian_mixture_conditioned",
            {"features": np.zeros([1, 9, 4], np.float32)},
            "features have 4 channels; the network takes 3",
        ),
        (
            "gaussian_mixture_conditioned",
            {"features": np.zeros([1, 4, 3], np.float32)},
            "features cover 16 samples; 20 are needed for 20 samples$",
        ),
        (
            "gaussian_mixture_conditioned",
            {"features": np.zeros([1, 5, 3], np.float32), "prime_with": np.zeros([1, 6])},
            "features cover 24 samples; 25 are needed for 20 samples after 6 primed ones",
        ),
        (
            "gaussian_mixture_conditioned",
            {"speaker": [0, 1], "clips": 3},
            r"clips: the arguments are for \[2, 3\] clips",
        ),
    ],
)
def test_a_wrong_request_is_one_sentence(models, name, request_, message):
    model = models(name)
    fitting = {"samples": 20, "xla": False}
    if model.config.speakers:
        fitting |= {"features": np.zeros([1, 9, 3], np.float32), "speaker": [1]}
    with pytest.raises(ValueError, match=message):
        _generate(model, **{**fitting, **request_})
