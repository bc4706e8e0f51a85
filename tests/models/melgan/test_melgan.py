"""MelGAN: sizes, shapes, what each ablation changes, training, folding, mistakes."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfwave.audio.mel import MELGAN, MelConfig
from tfwave.layers.tracking import trained_variables
from tfwave.losses.optimizers import TorchAdam
from tfwave.models.melgan.config import MelGANConfig
from tfwave.models.melgan.melgan import MelGAN
from tfwave.models.melgan.networks import Generator, MultiScaleDiscriminator, average_pool

MEL = dataclasses.replace(MELGAN, n_fft=64, win_length=64, hop_length=16, n_mels=5)
SMALL = MelGANConfig(
    mel=MEL,
    ratios=(4, 4),
    channels=2,
    discriminator_channels=4,
    discriminator_layers=2,
    discriminator_max_channels=64,
    segment_len=512,
    learning_rate=1e-3,
)


def _clips(samples=512, batch=2, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / MEL.sample_rate
    tones = np.sin(2 * np.pi * rng.uniform(200, 4000, [batch, 1]) * time)
    return tf.constant(0.5 * tones, tf.float32)


def test_published_sizes():
    generator = Generator(MelGANConfig())
    generator.build()
    assert generator.count_params() == 4_266_050
    figure = Generator(MelGANConfig(residual_block="paper", normalization="none"))
    figure.build()
    assert figure.count_params() == 4_519_937
    discriminator = MultiScaleDiscriminator(MelGANConfig())
    discriminator.build()
    assert discriminator.count_params() == 16_924_086
    plain = MelGANConfig(normalization="none", discriminator_normalization="none")
    generator, discriminator = Generator(plain), MultiScaleDiscriminator(plain)
    generator.build()
    discriminator.build()
    assert generator.count_params() == 4_260_257  # the 4.26 M of Table 1
    assert discriminator.count_params() == 16_913_859
    assert discriminator.scales[0].count_params() == 5_637_953


def test_published_maps_of_a_training_segment():
    maps = MultiScaleDiscriminator(MelGANConfig())(tf.zeros([1, 8192, 1]))
    steps = [[found.shape[1] for found in scale] for scale in maps]
    assert steps[0] == [8192, 2048, 512, 128, 32, 32, 32]
    assert [scale[-1] for scale in steps] == [32, 16, 8]


@pytest.mark.parametrize("frames", [4, 7, 32])
def test_every_frame_makes_a_hop(frames):
    model = MelGAN(SMALL)
    waveform = model.generate(np.random.default_rng(0).normal(size=(3, frames, 5)))
    assert waveform.shape == (3, frames * 16, 1)
    assert np.abs(waveform).max() <= 1


def test_pooling_leaves_the_padding_out_of_the_mean():
    x = tf.reshape(tf.range(1.0, 9.0), [1, 8, 1])
    found = average_pool(x).numpy().ravel()
    np.testing.assert_allclose(found, [2, 3.5, 5.5, 7], rtol=1e-6)
    assert average_pool(tf.zeros([1, 9, 1])).shape == (1, 4, 1)


ABLATIONS = {
    "spectral": {"normalization": "spectral"},
    "no norm": {"normalization": "none"},
    "samples": {"sample_l1": 1.0},
    "whole clip": {"window_based": False},
    "no dilation": {"dilated": False},
    "one scale": {"discriminators": 1},
    "figure 4": {"residual_block": "paper"},
    "equation 3": {"feature_matching_scaling": "paper"},
}


def _train_once(config):
    """Losses of one update, in which all variables have to move, and a sample made after it."""
    model = MelGAN(config, seed=1)
    model.compile()
    # Far from the initial scores, all of which lie inside the margins of the hinge.
    for scale in model.discriminator.scales:
        scale.convolutions[-1].gain.assign([40.0])
    before = [v.numpy() for v in trained_variables(model)]
    metrics = model.train_step({"waveform": _clips()})
    assert all(np.isfinite(float(value)) for value in metrics.values())
    after = [v.numpy() for v in trained_variables(model)]
    still = [a.shape for a, b in zip(before, after, strict=True) if np.array_equal(a, b)]
    # Real and generated clips may pull the bias of a score alike.
    assert set(still) <= {(1,)} and len(still) <= config.discriminators
    made = model.generate(model.mel_spectrogram(_clips()))
    return (*(float(metrics[name]) for name in ("D_loss", "G_loss")), float(made[0, 99, 0]))


@pytest.fixture(scope="module")
def plain_losses():
    return _train_once(SMALL)


@pytest.mark.parametrize("changes", ABLATIONS.values(), ids=ABLATIONS)
def test_every_ablation_trains_and_differs(plain_losses, changes):
    assert _train_once(dataclasses.replace(SMALL, **changes)) != plain_losses


def test_the_generator_learns_alone_until_the_discriminators_join():
    config = dataclasses.replace(
        SMALL, stft_loss=1.0, stft_resolutions=((128, 32, 64),), adversarial_from=2
    )
    model = MelGAN(config)
    model.compile()
    step = tf.function(model.train_step, autograph=False)
    untouched = [v.numpy() for v in trained_variables(model.discriminator)]
    losses = []
    for number in range(4):
        metrics = step({"waveform": _clips(seed=number)})
        losses.append(float(metrics["D_loss"]))
        assert float(metrics["stft_loss"]) > 0 and float(metrics["G_grad_norm"]) > 0
        if number == 1:
            for before, after in zip(
                untouched, trained_variables(model.discriminator), strict=True
            ):
                np.testing.assert_array_equal(after, before)
    assert losses[:2] == [0, 0] and min(losses[2:]) > 1
    assert any(
        not np.array_equal(after, before)
        for before, after in zip(untouched, trained_variables(model.discriminator), strict=True)
    )


def test_feature_matching_of_the_paper_weighs_more():
    model = MelGAN(SMALL)
    paper = MelGAN(dataclasses.replace(SMALL, feature_matching_scaling="paper"))
    waveform = _clips()[:, :, tf.newaxis]
    fake = model.generator(model.mel_spectrogram(waveform[:, :, 0]))
    maps = model.discriminator(waveform)
    ours, theirs = (
        float(m.generator_losses(fake, maps)["feature_matching"]) for m in (model, paper)
    )
    # 4 / (layers + 1) / scales of the code against 1.
    assert theirs == pytest.approx(ours * 3 * 3 / 4, rel=1e-4)


def test_the_generator_learns_what_resting_discriminators_ask_for():
    model = MelGAN(dataclasses.replace(SMALL, channels=4, learning_rate=3e-3))
    model.compile(discriminator_optimizer=TorchAdam(0.0))
    step = tf.function(model.train_step)
    losses = [float(step({"waveform": _clips()})["G_loss"]) for _ in range(40)]
    assert losses[-1] < 0.95 * losses[0]
    assert int(model.step) == 40


def test_gains_are_drawn_from_seed_and_step():
    def losses(**changes):
        model = MelGAN(dataclasses.replace(SMALL, **changes), seed=3)
        model.compile()
        return [float(model.train_step({"waveform": _clips()})["mel_error"]) for _ in range(2)]

    assert losses() == losses()
    assert losses() != losses(least_gain=1.0)


def test_folding_changes_nothing_but_the_norms():
    model = MelGAN(SMALL, seed=3)
    model.compile()
    model.train_step({"waveform": _clips()})
    plain = model.fold_weight_norm()
    features = model.mel_spectrogram(_clips(seed=5))
    np.testing.assert_allclose(plain.generate(features), model.generate(features), atol=2e-6)
    assert plain.count_params() < model.count_params()


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="'float16'; it must be one of float32, mixed_bfloat16"):
        MelGAN(SMALL).generate(np.zeros([1, 8, 5]), precision="float16")


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (np.zeros([1, 8, 6]), r"shape \[batch, frames, 5\], not \(1, 8, 6\)"),
        (np.zeros([8, 5]), r"shape \[batch, frames, 5\]"),
        (np.zeros([1, 3, 5]), "at least 4 frames, not 3"),
        (np.full([1, 8, 5], np.nan), "NaN"),
    ],
)
def test_wrong_features_are_refused(features, sentence):
    with pytest.raises(ValueError, match=sentence):
        MelGAN(SMALL).generate(features)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ratios": (8, 8)}, "ratios"),
        ({"ratios": (3, 2)}, "ratios"),
        ({"segment_len": 100}, "segment_len"),
        ({"adversarial_from": 3}, "adversarial_from"),
        ({"stft_loss": 1.0, "segment_len": 1024}, "segment_len"),
        ({"stft_least_power": 0.0}, "stft_least_power"),
        ({"stft_resolutions": ()}, "resolutions"),
        ({"stft_resolutions": [[64, 16, 65]]}, "stft_resolutions"),
        ({"stft_resolutions": [[64, 16]]}, "stft_resolutions"),
        ({"normalization": "batch"}, "normalization"),
        ({"channels": 0}, "channels"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"mel": MelConfig()}, "ratios"),
        ({"sample_l1": -1}, "sample_l1"),
    ],
)
def test_illegal_configurations_name_the_field(changes, field):
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(SMALL, **changes)
