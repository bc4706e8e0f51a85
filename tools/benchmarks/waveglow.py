"""`tools/benchmark.py waveglow`: the flow from noise to a waveform, and training."""

from benchmarks import measure, training
from benchmarks.training import TORCH

PLAIN = "plain Keras layers"
FRAMES = 60


def figures(runs: int, batch_sizes: list[int], model_dim: int, torch_python: str | None) -> dict:
    """Measure everything.

    Args:
      runs: counted runs of each side.
      batch_sizes: segments in a batch of training.
      model_dim: channels of the couplings; 512 in the paper, 256 in the authors' current code.
      torch_python: interpreter of PyTorch's sides, or None to do without.

    Returns:
      {name: figure} as `measure.summary` makes them.
    """
    sides = {
        "tfwave": measure.Side(prepare_generation, model_dim, "float32"),
        "tfwave in bfloat16": measure.Side(prepare_generation, model_dim, "mixed_bfloat16"),
        PLAIN: measure.Side(prepare_plain, model_dim),
    }
    if torch_python:
        sides[TORCH] = measure.Side(prepare_torch, model_dim, python=torch_python)
    samples, name = 256 * FRAMES, f"{model_dim} channels, generation of {FRAMES} frames"
    results = measure.compare(
        name, sides, (PLAIN, TORCH), runs, ("kHz", samples / 1000), samples / 22050
    )
    return results | training.figures(
        f"{model_dim} channels, ",
        prepare_training,
        prepare_torch_training,
        model_dim,
        batch_sizes,
        runs,
        torch_python,
    )


def prepare_generation(model_dim, precision):
    """Prepare one clip from noise and a mel spectrogram."""
    model, z, features = _prepared(model_dim)
    return lambda: model.invert(z, features, precision).numpy()


def prepare_plain(model_dim):
    """Prepare the same from layers that Keras has."""
    from benchmarks import waveglow_plain

    model, z, features = _prepared(model_dim)
    invert = waveglow_plain.inverse(model)
    return lambda: invert(z, features).numpy()


def prepare_torch(model_dim):
    """Prepare the same in PyTorch."""
    from benchmarks import waveglow_torch

    return waveglow_torch.generation(model_dim, FRAMES)


def prepare_training(model_dim, batch_size):
    """Prepare one update."""
    from tfwave.models.waveglow.config import WaveGlowConfig
    from tfwave.models.waveglow.waveglow import WaveGlow

    return training.step_of(WaveGlow(WaveGlowConfig(channels=model_dim)), batch_size, "loss")


def prepare_torch_training(model_dim, batch_size):
    """Prepare the same in PyTorch."""
    from benchmarks import waveglow_torch

    return waveglow_torch.training(model_dim, batch_size)


def _prepared(model_dim):
    import tensorflow as tf

    from tfwave.models.waveglow.config import WaveGlowConfig
    from tfwave.models.waveglow.waveglow import WaveGlow

    model = WaveGlow(WaveGlowConfig(channels=model_dim)).fold_weight_norm()
    features = tf.random.stateless_normal([1, FRAMES, 80], [0, 0])
    z = tf.random.stateless_normal(model.noise_shape(features), [1, 0], 0.0, 0.6)
    return model, z, features
