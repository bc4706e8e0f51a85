"""`tools/benchmark.py melgan`: one pass of the generator, and training."""

from benchmarks import measure, training
from benchmarks.training import TORCH

PLAIN = "plain Keras layers"
FRAMES = 400


def figures(runs: int, batch_sizes: list[int], model_dim: int, torch_python: str | None) -> dict:
    """Measure everything.

    Args:
      runs: counted runs of each side.
      batch_sizes: segments in a batch of training.
      model_dim: the generator's channels at the sample rate; 32 is the published network.
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
    samples, name = 256 * FRAMES, f"generation of {FRAMES} frames"
    results = measure.compare(
        name, sides, (PLAIN, TORCH), runs, ("kHz", samples / 1000), samples / 22050
    )
    return results | training.figures(
        "", prepare_training, prepare_torch_training, model_dim, batch_sizes, runs, torch_python
    )


def prepare_generation(model_dim, precision):
    """Prepare one clip from a mel spectrogram."""
    import tensorflow as tf

    from tfwave.models.melgan.config import MelGANConfig
    from tfwave.models.melgan.melgan import MelGAN

    model = MelGAN(MelGANConfig(channels=model_dim)).fold_weight_norm()
    features = tf.random.stateless_normal([1, FRAMES, 80], [0, 0])
    return lambda: model.generate(features, precision=precision).numpy()


def prepare_plain(model_dim):
    """Prepare the same from layers that Keras has."""
    import tensorflow as tf
    from benchmarks import melgan_plain

    from tfwave.models.melgan.config import MelGANConfig
    from tfwave.models.melgan.melgan import MelGAN

    generate = melgan_plain.generator(MelGAN(MelGANConfig(channels=model_dim)).fold_weight_norm())
    features = tf.random.stateless_normal([1, FRAMES, 80], [0, 0])
    return lambda: generate(features).numpy()


def prepare_torch(model_dim):
    """Prepare the same in PyTorch."""
    from benchmarks import melgan_torch

    return melgan_torch.generation(model_dim, FRAMES)


def prepare_training(model_dim, batch_size):
    """Prepare one update of the discriminators and one of the generator."""
    from tfwave.models.melgan.config import MelGANConfig
    from tfwave.models.melgan.melgan import MelGAN

    return training.step_of(MelGAN(MelGANConfig(channels=model_dim)), batch_size, "G_loss")


def prepare_torch_training(model_dim, batch_size):
    """Prepare the same in PyTorch."""
    from benchmarks import melgan_torch

    return melgan_torch.training(model_dim, batch_size)
