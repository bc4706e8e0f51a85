"""SavedModels that the tests of this folder serve, and what they must answer."""

import numpy as np
import tensorflow as tf

LATENT_DIM = 5
SLICE_LEN = 64
NAMES = ("generate", "sample", "wav", "copy_synthesis", "ramp", "slow", "speak")


def _float32(shape, name):
    return tf.TensorSpec(shape, tf.float32, name)


def _int32(name):
    return tf.TensorSpec([], tf.int32, name)


class Sounds(tf.Module):
    """Signatures like those of tfwave's models, and some that try a server's patience."""

    def __init__(self):
        super().__init__()
        weights = np.random.default_rng(0).normal(0, 0.3, [LATENT_DIM, SLICE_LEN])
        self.weights = tf.Variable(weights.astype(np.float32))

    def waveform(self, latents):
        return tf.tanh(tf.matmul(latents, self.weights))[..., tf.newaxis]

    @tf.function(input_signature=[_float32([None, LATENT_DIM], "latents")])
    def generate(self, latents):
        finite = tf.reduce_all(tf.math.is_finite(latents))
        with tf.control_dependencies([tf.Assert(finite, ["latents must be finite"])]):
            return {"waveform": self.waveform(tf.identity(latents))}

    @tf.function(input_signature=[_int32("count"), _int32("seed")])
    def sample(self, count, seed):
        within = tf.logical_and(count >= 1, count <= 1000)
        with tf.control_dependencies([tf.Assert(within, ["count must be in 1..1000"])]):
            shape = [tf.identity(count), LATENT_DIM]
        latents = tf.random.stateless_uniform(shape, [seed, 0], -1.0, 1.0)
        return {"waveform": self.waveform(latents), "sample_rate": tf.constant(8000)}

    @tf.function(input_signature=[_float32([None, LATENT_DIM], "latents")])
    def wav(self, latents):
        def encode(clip):
            return tf.audio.encode_wav(clip, 8000)

        waveform = self.waveform(latents)
        return {"wav_bytes": tf.map_fn(encode, waveform, fn_output_signature=tf.string)}

    @tf.function(input_signature=[_float32([None, None, 1], "waveform")])
    def copy_synthesis(self, waveform):
        return {"waveform": 0.5 * waveform}

    @tf.function(input_signature=[_int32("samples")])
    def ramp(self, samples):
        values = tf.cast(tf.range(samples) % 1000, tf.float32)
        return {"waveform": values[tf.newaxis, :, tf.newaxis]}

    @tf.function(input_signature=[_int32("thousands")])
    def slow(self, thousands):
        values = tf.zeros([100_000])
        for _ in tf.range(1000 * thousands):
            values = tf.sin(values + 1.0)
        return {"waveform": values[tf.newaxis, :1, tf.newaxis]}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, "text"),
            tf.TensorSpec([None], tf.bool, "shout"),
            tf.TensorSpec([None], tf.int64, "number"),
        ]
    )
    def speak(self, text, shout, number):
        spoken = tf.where(shout, tf.strings.upper(text), text)
        return {"spoken": spoken, "raw_bytes": text + b"\x00\xff", "number": number + 1}


def save(module, folder):
    """Save the module as a SavedModel; the signature `generate` is the default one as well."""
    signatures = {name: getattr(module, name).get_concrete_function() for name in NAMES}
    signatures["serving_default"] = signatures["generate"]
    tf.saved_model.save(module, str(folder), signatures)


def wavegan():
    """A small WaveGAN."""
    from tfwave.models.wavegan.config import WaveGANConfig
    from tfwave.models.wavegan.wavegan import WaveGAN

    return WaveGAN(WaveGANConfig(model_dim=1, latent_dim=LATENT_DIM), seed=3)


def save_wavegan(folder):
    """Save `wavegan()` with its own signatures."""
    from tfwave.layers.tracking import trained_variables

    model, module = wavegan(), tf.Module()
    module.kept = trained_variables(model.generator)
    tf.saved_model.save(module, str(folder), model.signatures())
