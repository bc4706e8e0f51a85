"""Adversarial losses against their formulas, and optimisers against TF1's arithmetic."""

import numpy as np
import pytest
import tensorflow as tf

from tfwave.losses import adversarial
from tfwave.losses.optimizers import TF1Adam, TF1RMSprop, TorchAdam

REAL = np.float32([0.5, -1.0, 2.0])
FAKE = np.float32([-0.3, 0.7, 1.1])


def _softplus(x):
    return np.log1p(np.exp(x))


@pytest.mark.parametrize(
    "name,critic,generator",
    [
        ("wgan", FAKE.mean() - REAL.mean(), -FAKE.mean()),
        ("wgan-gp", FAKE.mean() - REAL.mean(), -FAKE.mean()),
        ("lsgan", (((REAL - 1) ** 2).mean() + (FAKE**2).mean()) / 2, ((FAKE - 1) ** 2).mean()),
        ("dcgan", (_softplus(-REAL).mean() + _softplus(FAKE).mean()) / 2, _softplus(-FAKE).mean()),
    ],
)
def test_losses(name, critic, generator):
    assert float(adversarial.critic_loss(name, REAL, FAKE)) == pytest.approx(critic, rel=1e-6)
    assert float(adversarial.generator_loss(name, FAKE)) == pytest.approx(generator, rel=1e-6)


def test_gradient_penalty_takes_one_norm_per_clip():
    gradients = np.zeros([2, 4, 1], np.float32)
    gradients[0, :, 0] = 1.0  # norm 2
    gradients[1, 0, 0] = 1.0  # norm 1
    assert float(adversarial.gradient_penalty(tf.constant(gradients))) == pytest.approx(0.5)


def test_gradient_penalty_has_a_finite_derivative_at_zero():
    gradients = tf.zeros([2, 4, 1])
    with tf.GradientTape() as tape:
        tape.watch(gradients)
        penalty = adversarial.gradient_penalty(gradients)
    assert np.isfinite(tape.gradient(penalty, gradients)).all()


def test_an_unknown_loss_is_named():
    for call in (
        lambda: adversarial.critic_loss("hinge", REAL, FAKE),
        lambda: adversarial.generator_loss("hinge", FAKE),
        lambda: adversarial.optimizers("hinge"),
    ):
        with pytest.raises(ValueError, match="'hinge' is none of wgan-gp, wgan, lsgan, dcgan"):
            call()


def _run(optimizer, gradients):
    variable = tf.Variable(np.zeros(3, np.float32))
    optimizer.build([variable])

    @tf.function
    def step(gradient):
        optimizer.apply_gradients([(gradient, variable)])

    for gradient in gradients:
        step(tf.constant(gradient, tf.float32))
    return variable.numpy()


GRADIENTS = np.float64([[1e-9, 0.3, -2.0], [1e-9, -0.1, -1.0], [-3e-9, 0.2, 0.5]])


def test_adam_has_tf1s_epsilon_outside_the_root():
    m = v = x = np.zeros(3)
    for t, g in enumerate(GRADIENTS, 1):
        m, v = 0.5 * m + 0.5 * g, 0.9 * v + 0.1 * g * g
        x = x - 1e-4 * np.sqrt(1 - 0.9**t) / (1 - 0.5**t) * m / (np.sqrt(v) + 1e-8)
    actual = _run(TF1Adam(1e-4, beta_1=0.5, beta_2=0.9), GRADIENTS)
    np.testing.assert_allclose(actual, x, rtol=1e-4, atol=1e-12)


def test_pytorchs_adam_has_its_epsilon_behind_the_correction():
    m = v = x = np.zeros(3)
    for t, g in enumerate(GRADIENTS, 1):
        m, v = 0.5 * m + 0.5 * g, 0.9 * v + 0.1 * g * g
        x = x - 1e-4 / (1 - 0.5**t) * m / (np.sqrt(v / (1 - 0.9**t)) + 1e-8)
    actual = _run(TorchAdam(1e-4, beta_1=0.5, beta_2=0.9), GRADIENTS)
    np.testing.assert_allclose(actual, x, rtol=1e-4, atol=1e-12)


def test_rmsprop_starts_from_a_mean_square_of_one():
    s, x = np.ones(3), np.zeros(3)
    for g in GRADIENTS:
        s = 0.9 * s + 0.1 * g * g
        x = x - 1e-4 * g / np.sqrt(s + 1e-10)
    np.testing.assert_allclose(_run(TF1RMSprop(1e-4), GRADIENTS), x, rtol=1e-5, atol=1e-15)


def test_published_pairs():
    generator, critic = adversarial.optimizers("wgan-gp")
    assert generator is not critic
    for optimizer in (generator, critic):
        assert isinstance(optimizer, TF1Adam)
        assert float(optimizer.learning_rate) == pytest.approx(1e-4)
        assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.5, 0.9, 1e-8)
    assert float(adversarial.optimizers("wgan")[0].learning_rate) == pytest.approx(5e-5)
