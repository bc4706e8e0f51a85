"""A very small GAN with the verbs of the real models, and a script that trains it.

`python tiny_training.py DIRECTORY ...` is what the tests start as another process.
"""

import argparse
import dataclasses
import json
import os
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from tfwave.models.system import BatchSpec, Curve, System
from tfwave.training.config import TrainingConfig
from tfwave.training.distribution import open_strategy
from tfwave.training.interrupts import Interrupted
from tfwave.training.loop import train

LENGTH = 32
UPDATES = 2
BATCH = 8


@dataclasses.dataclass(frozen=True)
class TinyConfig:
    """Sizes of a `TinyGAN`."""

    sample_rate: int = 16000


class TinyGAN(System):
    """Least-squares GAN on [batch, 32, 1]; every draw is a function of seed and step."""

    config_class = TinyConfig
    networks = ("generator", "discriminator")
    kind = "latents"
    curves = (Curve("D_loss", "Losses", shown=True), Curve("G_loss", "Losses", shown=True))

    def __init__(self, seed=0, broken_at=None):
        super().__init__(seed=seed)
        self.broken_at = broken_at
        self.generator = keras.Sequential(
            [keras.layers.Dense(LENGTH, name="dense"), keras.layers.Reshape([LENGTH, 1])],
            name="generator",
        )
        self.discriminator = keras.Sequential(
            [
                keras.layers.Conv1D(4, 5, 2, padding="same", activation="relu", name="conv"),
                keras.layers.Flatten(),
                keras.layers.Dense(1, name="score"),
            ],
            name="discriminator",
        )
        self.generator.build([None, 4])
        self.discriminator.build([None, LENGTH, 1])
        self.built = True

    def batch_spec(self, samples=None):
        return BatchSpec(("waveform",), LENGTH, updates=UPDATES)

    def default_optimizer(self, network):
        return keras.optimizers.Adam(1e-2, beta_1=0.5, beta_2=0.9)

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data):
        reals = data["waveform"]
        replica = tf.distribute.get_replica_context()
        count, index = replica.num_replicas_in_sync, replica.replica_id_in_sync_group
        batch = reals.shape[1]

        def latents(purpose):
            seed = tf.stack([self.seed * 100 + purpose, tf.cast(self.step, tf.int32)])
            whole = tf.random.stateless_uniform([batch * count, 4], seed, -1.0, 1.0)
            return whole[index * batch : (index + 1) * batch]

        for update in range(UPDATES):
            with tf.GradientTape() as tape:
                real = self.discriminator(reals[update])
                fake = self.discriminator(self.generator(latents(update)))
                d_loss = tf.reduce_mean((real - 1.0) ** 2) + tf.reduce_mean(fake**2)
                scaled = d_loss / count
            variables = self.discriminator.trainable_variables
            gradients = tape.gradient(scaled, variables)
            self.discriminator_optimizer.apply_gradients(zip(gradients, variables, strict=True))
        with tf.GradientTape() as tape:
            g_loss = tf.reduce_mean((self.discriminator(self.generator(latents(99))) - 1.0) ** 2)
            scaled = g_loss / count
        variables = self.generator.trainable_variables
        gradients = tape.gradient(scaled, variables)
        self.generator_optimizer.apply_gradients(zip(gradients, variables, strict=True))
        if self.broken_at is not None:
            broken = tf.cast(self.step, tf.int32) + 1 >= self.broken_at
            g_loss = tf.where(broken, np.nan, g_loss)
        self.step.assign_add(1)
        return {"D_loss": d_loss, "G_loss": g_loss}

    def summaries(self, step, data):
        with tf.name_scope("clips"):
            tf.summary.audio("real", data["waveform"][0], 16000, step=step)


def make_model(seed=0, broken_at=None):
    model = TinyGAN(seed, broken_at)
    model.compile()
    return model


def batches(start_step, shard_index, shard_count, bad_step=None):
    """Element s is a pure function of s; shard k of n holds its rows of the global batch."""

    def element(step):
        seed = tf.stack([7, tf.cast(step, tf.int32)])
        clips = tf.random.stateless_normal([UPDATES, BATCH, LENGTH, 1], seed)
        if bad_step is not None:
            second = tf.one_hot(1, UPDATES)[:, None, None, None] > 0
            clips = tf.where(second & (step == bad_step), np.nan, clips)
        rows = BATCH // shard_count
        clips = clips[:, shard_index * rows : (shard_index + 1) * rows]
        return {"waveform": tf.ensure_shape(clips, [UPDATES, rows, LENGTH, 1])}

    return tf.data.Dataset.counter(start=start_step).map(
        tf.autograph.experimental.do_not_convert(element)
    )


def ramps(start_step, shard_index, shard_count, updates, batch, length):
    """Batches for the real models: [updates, batch / shard_count, length, 1], cheap to make."""

    def element(step):
        seed = tf.stack([7, tf.cast(step, tf.int32)])
        clips = 0.1 * tf.random.stateless_normal([updates, batch, length, 1], seed)
        rows = batch // shard_count
        clips = clips[:, shard_index * rows : (shard_index + 1) * rows]
        return {"waveform": tf.ensure_shape(clips, [updates, rows, length, 1])}

    return tf.data.Dataset.counter(start=start_step).map(
        tf.autograph.experimental.do_not_convert(element)
    )


def score(model):
    """A number that goes up and down with the weights."""
    return float(tf.reduce_mean(tf.math.sin(100.0 * model.generator(tf.ones([2, 4])))))


def weights(model):
    """Every variable of a run, as arrays."""
    owners = [model, model.generator_optimizer, model.discriminator_optimizer]
    return [np.asarray(tf.convert_to_tensor(v)) for owner in owners for v in list(owner.variables)]


def system(name):
    """Give (model_fn, batches_fn, score_fn) of this GAN or of the smallest WaveGAN.

    With '-sgd' the optimiser is one that is not blind to gradients of the wrong scale.
    """
    if name == "tiny":
        return make_model, batches, score

    def optimisers():
        if not name.endswith("-sgd"):
            return {}
        names = ("generator_optimizer", "discriminator_optimizer")
        return {name: keras.optimizers.SGD(1e-3) for name in names}

    from tfwave.models.wavegan.config import WaveGANConfig
    from tfwave.models.wavegan.wavegan import WaveGAN

    config = WaveGANConfig(model_dim=1, critic_updates=2)

    def model_fn():
        model = WaveGAN(config, seed=1)
        model.compile(**optimisers())
        return model

    def batches_fn(*where):
        return ramps(*where, config.critic_updates, BATCH, config.slice_len)

    def score_fn(model):
        waveform = model.generate(4)
        return float(tf.math.sin(1e5 * tf.reduce_mean(tf.square(waveform))))

    return model_fn, batches_fn, score_fn


def slowed(batches_fn, seconds):
    """Make each element take a while, so that there is time to interrupt."""

    def wait(clips):
        time.sleep(seconds)
        return clips

    def wait_for(data):
        waited = tf.numpy_function(wait, [data["waveform"]], tf.float32)
        return {"waveform": tf.ensure_shape(waited, data["waveform"].shape)}

    return lambda *where: batches_fn(*where).map(wait_for)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--system", default="tiny")
    parser.add_argument("--strategy", default="one")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--weights", default="")
    parser.add_argument("--config", default="{}")
    options = parser.parse_args(arguments)
    if options.cpus > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        logical = [tf.config.LogicalDeviceConfiguration() for _ in range(options.cpus)]
        tf.config.set_logical_device_configuration(cpu, logical)
    strategy = open_strategy(options.strategy)
    config = TrainingConfig(**{"batch_size": BATCH, **json.loads(options.config)})
    model_fn, batches_fn, score_fn = system(options.system)
    if options.delay:
        batches_fn = slowed(batches_fn, options.delay)
    try:
        result = train(
            options.directory,
            model_fn,
            batches_fn,
            config,
            {"system": options.system},
            strategy=strategy,
            score_fn=score_fn,
        )
    except Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return interrupted.exit_code
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.weights:
        np.savez(options.weights, *weights(result.model))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(main(sys.argv[1:]))
