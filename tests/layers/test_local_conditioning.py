"""Features at the sample rate: lengths, alignment, first weights, causes of refusal."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.layers.local_conditioning import LocalConditioner, LocalConditioningConfig

cases = st.builds(
    lambda form, **more: LocalConditioningConfig(
        form=form, **{**more, "conv_in": more["conv_in"] and form == "stretch"}
    ),
    form=st.sampled_from(["stretch", "transposed_2d", "transposed_1d", "repeat"]),
    channels=st.integers(1, 4),
    scales=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    conv_in=st.booleans(),
    frame_padding=st.integers(0, 2),
    frequency_kernel=st.sampled_from([1, 3]),
    activation=st.sampled_from(["none", "relu", "leaky_relu"]),
)


def _conditioner(config, weight_norm=True):
    layer = LocalConditioner(config, weight_norm)
    layer.build((None, None, config.channels))
    return layer


def _features(config, frames=9, seed=0):
    shape = (2, frames, config.channels)
    return tf.constant(np.random.default_rng(seed).uniform(0.5, 1.5, shape), tf.float32)


@settings(max_examples=40)
@given(config=cases, frames=st.integers(5, 9), weight_norm=st.booleans())
def test_length_is_the_frames_times_the_hop(config, frames, weight_norm):
    found = _conditioner(config, weight_norm)(_features(config, frames))
    samples = (frames - 2 * config.frame_padding) * config.hop_length
    assert found.shape == (2, samples, config.channels)
    assert config.hop_length == math.prod(config.scales)


@settings(max_examples=25)
@given(config=cases, frame=st.integers(0, 8))
def test_a_frame_acts_around_its_own_samples_only(config, frame):
    layer = _conditioner(config)
    x = _features(config)
    changed = np.array(x)
    changed[:, frame] += 1.0
    moved = np.abs(layer(x) - layer(tf.constant(changed))).max(axis=(0, 2)) > 1e-6
    times = np.flatnonzero(moved) / config.hop_length + config.frame_padding
    # Each upsampling looks at most one frame of its own rate further.
    reach = config.frame_padding * config.conv_in + len(config.scales) + 1
    assert ((times > frame - reach) & (times < frame + 1 + reach)).all()


@pytest.mark.parametrize("form", ["transposed_2d", "repeat"])
def test_starts_as_repetition(form):
    config = LocalConditioningConfig(3, (2, 3), form, conv_in=False, frame_padding=0)
    x = _features(config)
    for weight_norm in (True, False):
        found = _conditioner(config, weight_norm)(x)
        np.testing.assert_allclose(found, np.repeat(x, 6, axis=1), atol=1e-6)


def test_stretch_starts_as_an_average_over_twice_its_scale_and_one():
    config = LocalConditioningConfig(1, (4,), conv_in=False, frame_padding=1)
    x = _features(config)
    wide = np.pad(np.repeat(x[0, :, 0], 4), 4)
    expected = np.convolve(wide, np.full(9, 1 / 9), "valid")[4:-4]
    np.testing.assert_allclose(_conditioner(config)(x)[0, :, 0], expected, atol=1e-6)


def test_kernels_are_shared_by_all_channels():
    config = LocalConditioningConfig(4, (2, 2), conv_in=False, frame_padding=0)
    layer = _conditioner(config)
    for upsampling in layer.upsamplings:
        upsampling.kernel.assign(np.random.default_rng(1).normal(size=upsampling.kernel.shape))
    x = _features(config)
    swapped = layer(tf.reverse(x, [2]))
    np.testing.assert_allclose(tf.reverse(layer(x), [2]), swapped, atol=1e-6)
    # The norm of a kernel does not depend on its length.
    before = np.asarray(layer(x))
    for upsampling in layer.upsamplings:
        upsampling.kernel.assign(3.0 * np.asarray(upsampling.kernel))
    np.testing.assert_allclose(layer(x), before, atol=1e-5)


@pytest.mark.parametrize("activation, below", [("relu", 0.0), ("leaky_relu", -0.4), ("none", -1.0)])
def test_activations(activation, below):
    config = LocalConditioningConfig(
        2, (3,), "transposed_2d", conv_in=False, frame_padding=0, activation=activation
    )
    found = _conditioner(config)(-tf.ones([1, 4, 2]))
    np.testing.assert_allclose(found, np.full((1, 12, 2), below), atol=1e-6)


@pytest.mark.parametrize("form, conv_in", [("stretch", True), ("transposed_1d", False)])
def test_a_seed_fixes_the_first_weights(form, conv_in):
    config = LocalConditioningConfig(3, (2, 2), form, conv_in)
    made = []
    for seed in (4, 4, 5):
        layer = LocalConditioner(config, seed=seed)
        layer.build()
        made.append(np.concatenate([np.ravel(v) for v in layer.trainable_variables]))
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()


@pytest.mark.parametrize("conv_in", [True, False])
def test_features_that_do_not_fit_are_refused(conv_in):
    layer = _conditioner(LocalConditioningConfig(3, (2,), conv_in=conv_in, frame_padding=2))
    with pytest.raises(ValueError, match="features have 5 channels; 3 are expected"):
        layer(tf.zeros([1, 9, 5]))
    with pytest.raises(ValueError, match="features have 4 frames; more than 4 are needed"):
        layer(tf.zeros([1, 4, 3]))


def test_a_checkpoint_brings_all_weights_back(tmp_path):
    config = LocalConditioningConfig(3, (2, 3))
    saved, fresh = _conditioner(config), _conditioner(config)
    assert len(saved.trainable_variables) == 1 + 2 * 2  # conv_in; kernel and gain twice
    for i, variable in enumerate(saved.trainable_variables):
        variable.assign(tf.fill(variable.shape, i + 5.0))
    path = tf.train.Checkpoint(layer=saved).save(str(tmp_path / "conditioner"))
    tf.train.Checkpoint(layer=fresh).restore(path)
    for i, variable in enumerate(fresh.trainable_variables):
        np.testing.assert_array_equal(variable, tf.fill(variable.shape, i + 5.0))


@pytest.mark.parametrize(
    "field, value",
    [
        ("channels", 0),
        ("scales", ()),
        ("scales", (4, 0)),
        ("form", "spline"),
        ("frame_padding", -1),
        ("frequency_kernel", 2),
        ("activation", "tanh"),
        ("scales", (2.5,)),
        ("frequency_kernel", -1),
    ],
)
def test_a_wrong_value_names_its_field(field, value):
    with pytest.raises(ValueError, match=f"LocalConditioningConfig.{field} is"):
        LocalConditioningConfig(**{field: value})


def test_only_stretch_takes_conv_in():
    with pytest.raises(ValueError, match="LocalConditioningConfig.conv_in is True; it must be f"):
        LocalConditioningConfig(form="repeat")
