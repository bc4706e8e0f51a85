"""WaveGAN and SpecGAN: published sizes, the update, its draws, and what a user may get wrong."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfwave.models.wavegan.config import SpecGANConfig, WaveGANConfig
from tfwave.models.wavegan.specgan import SpecGAN, compute_moments
from tfwave.models.wavegan.wavegan import WaveGAN

# Two critic updates instead of five: most of a test's time is tracing them.
TINY = {"model_dim": 1, "latent_dim": 4, "critic_updates": 2}
slow = pytest.mark.slow


def _reals(config, batch=2, seed=0):
    shape = [config.critic_updates, batch, config.slice_len, config.channels]
    return tf.constant(np.random.default_rng(seed).normal(0, 0.1, shape), tf.float32)


def _model(config, seed=0):
    model = (WaveGAN if isinstance(config, WaveGANConfig) else SpecGAN)(config, seed)
    if isinstance(model, SpecGAN):
        model.set_moments(*compute_moments([_reals(config)[0]]))
    model.compile()
    return model


def _weights(model):
    return [tf.convert_to_tensor(v).numpy() for v in model.trainable_variables]


def _count(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


@pytest.mark.parametrize("system", [WaveGAN, SpecGAN])
def test_published_parameter_counts(system):
    model = system()
    assert _count(model.generator) == 19_065_345
    assert _count(model.discriminator) == 17_427_969


def _varied(config):
    """What a configuration changes, as a test's name."""
    changed = (
        f"{f.name}={getattr(config, f.name)}"
        for f in dataclasses.fields(config)
        if getattr(config, f.name) != f.default and f.name not in TINY
    )
    return "-".join([type(config).__name__, *changed])


@pytest.mark.parametrize(
    "config",
    [
        WaveGANConfig(**TINY),
        WaveGANConfig(**TINY, loss="dcgan", batch_norm=True, phase_shuffle=0),
        WaveGANConfig(**{**TINY, "model_dim": 4}, upsample="linear", channels=2, dropout=0.5),
        SpecGANConfig(**TINY, phase_shuffle=1),
        SpecGANConfig(**TINY, precision="mixed_bfloat16"),
        pytest.param(WaveGANConfig(**TINY, loss="wgan", upsample="cubic"), marks=slow),
        pytest.param(
            WaveGANConfig(**TINY, loss="lsgan", slice_len=32768, post_filter_len=512), marks=slow
        ),
        pytest.param(WaveGANConfig(**TINY, slice_len=65536, upsample="nearest"), marks=slow),
        pytest.param(WaveGANConfig(**TINY, precision="mixed_bfloat16"), marks=slow),
        pytest.param(
            SpecGANConfig(**TINY, upsample="cubic", loss="dcgan", batch_norm=True), marks=slow
        ),
    ],
    ids=_varied,
)
def test_a_step_moves_every_trained_array_and_stays_finite(config):
    model = _model(config)
    before = _weights(model)
    metrics = tf.function(model.train_step, autograph=False)({"waveform": _reals(config)})
    assert set(metrics) - {"gradient_penalty"} == {
        "D_loss",
        "G_loss",
        "D_grad_norm",
        "G_grad_norm",
        "x_rms",
        "G_z_rms",
    }
    assert ("gradient_penalty" in metrics) == (config.loss == "wgan-gp")
    assert all(np.isfinite(float(v)) for v in metrics.values())
    after = _weights(model)
    assert all(np.isfinite(a).all() for a in after)
    still = sum(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert int(model.step) == 1
    if config.loss != "wgan":
        # The critic's last bias has no gradient in a Wasserstein loss.
        assert still <= 1
    else:  # a critic clipped to +-0.01 hands gradients down that float32 weights round away
        assert float(metrics["G_grad_norm"]) > 0
        critic = model.discriminator.trainable_variables
        assert max(float(np.abs(v).max()) for v in map(tf.convert_to_tensor, critic)) <= 0.01
    waveform = model.generate(3)
    channels = 1 if getattr(config, "post_filter_len", 0) else config.channels
    assert waveform.shape == (3, config.slice_len, channels)
    assert waveform.dtype == tf.float32 and np.isfinite(waveform).all()


def test_training_is_a_function_of_seed_and_data():
    config = WaveGANConfig(**{**TINY, "critic_updates": 1})

    def trained(seed):
        model = _model(config, seed)
        for i in range(2):
            model.train_step({"waveform": _reals(config, seed=i)})
        return _weights(model)

    first, second, other = trained(0), trained(0), trained(1)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not any(np.array_equal(a, b) and a.any() for a, b in zip(first, other, strict=True))


def test_bfloat16_keeps_float32_variables_and_stays_close():
    scores = {}
    for precision in ("float32", "mixed_bfloat16"):
        config = WaveGANConfig(**{**TINY, "model_dim": 4}, precision=precision)
        model = _model(config)
        assert all(v.dtype in ("float32", tf.float32) for v in model.trainable_variables)
        scores[precision] = model.discriminator(_reals(config, batch=8)[0]).numpy()
    difference = np.abs(scores["float32"] - scores["mixed_bfloat16"]).max()
    assert 0 < difference < 0.05 * np.abs(scores["float32"]).max()


def test_latents_are_the_same_whatever_the_part():
    model = WaveGAN(WaveGANConfig(**TINY))
    whole = model.sample_latents(5, seed=3).numpy()
    np.testing.assert_array_equal(whole[2:], model.sample_latents(3, seed=3, first=2))
    assert np.abs(whole).max() <= 1 and not np.array_equal(whole, model.sample_latents(5, seed=4))


def test_waveform_and_spectrogram_rms_agree_on_noise():
    config = SpecGANConfig(**TINY, clip_std=100.0)  # nothing is clipped
    model = SpecGAN(config)
    noise = tf.constant(np.random.default_rng(0).normal(0, 0.1, [4, 16384, 1]), tf.float32)
    model.set_moments(*compute_moments([noise]))
    assert float(model.rms(model.represent(noise))) == pytest.approx(0.1, rel=0.03)


def test_moments_are_those_of_the_whole_corpus():
    clips = tf.constant(np.random.default_rng(0).normal(0, 0.1, [6, 16384, 1]), tf.float32)
    whole, parts = compute_moments([clips]), compute_moments([clips[:1], clips[1:]])
    np.testing.assert_allclose(whole, parts, rtol=1e-5)
    with pytest.raises(ValueError, match="at least one clip"):
        compute_moments([])
    model = SpecGAN(SpecGANConfig(**TINY))
    with pytest.raises(ValueError, match="129 bins"):
        model.set_moments(np.zeros(128), np.ones(128))
    with pytest.raises(ValueError, match="above 0"):
        model.set_moments(np.zeros(129), np.zeros(129))


@pytest.mark.parametrize(
    "config,field,value",
    [
        (WaveGANConfig, "slice_len", 16000),
        (WaveGANConfig, "channels", 0),
        (WaveGANConfig, "model_dim", 0),
        (WaveGANConfig, "upsample", "bilinear"),
        (WaveGANConfig, "phase_shuffle", -1),
        (WaveGANConfig, "dropout", 1.0),
        (WaveGANConfig, "post_filter_len", -1),
        (WaveGANConfig, "precision", "float16"),
        (SpecGANConfig, "loss", "hinge"),
        (SpecGANConfig, "slice_len", 32768),
        (SpecGANConfig, "channels", 2),
        (SpecGANConfig, "clip_std", 0.0),
        (SpecGANConfig, "griffin_lim_window", "hann"),
    ],
)
def test_an_illegal_value_is_refused_by_field(config, field, value):
    with pytest.raises(ValueError, match=f"{config.__name__}.{field} is {value!r}"):
        config(**{field: value})


def test_summaries_write_audio_and_pictures(tmp_path):
    model = _model(SpecGANConfig(**TINY))
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        model.summaries(0, {"waveform": _reals(model.config)})
    (events,) = tmp_path.iterdir()
    tags = {
        value.tag
        for record in tf.data.TFRecordDataset(str(events))
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value
    }
    kinds = ("real", "generated", "interpolation")
    assert {f"audio/{kind}" for kind in kinds} | {f"images/{kind}" for kind in kinds} <= tags
    assert {"images/real_normalised", "images/generated_normalised"} <= tags
