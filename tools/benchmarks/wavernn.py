"""`tools/benchmark.py wavernn`: generation (dense, pruned, subscale, mel-conditioned), training."""

from benchmarks import measure

TORCH = "a loop in PyTorch"
PLAIN = "a compiled step for each sample"
SAMPLES = 1024  # that a call makes, of each clip
SUBSCALE_SAMPLES = 24000
SUBSCALE_RUNS = 2  # at most: 16 sub-tensors take long to fill
TRAINING_CLIPS = 4
PUBLISHED_UNITS = 896


def figures(runs: int, batch_sizes: list[int], model_dim: int, torch_python: str | None) -> dict:
    """Measure everything.

    Args:
      runs: counted runs of each side.
      batch_sizes: clips, or folds of a clip, made at a time.
      model_dim: units of the dual softmax, 896 in the paper; those of the subscale and the
        mel-conditioned model are in proportion (1024 and 512).
      torch_python: interpreter of PyTorch's sides, or None to do without.

    Returns:
      {name: figure} as `measure.summary` makes them.
    """
    results = {}
    for clips in batch_sizes:
        sides = {"tfwave, dense": measure.Side(prepare_dual_softmax, model_dim, clips)}
        for block in ("16x1", "4x4"):
            for outputs in (False, True):
                label = f"tfwave, 95 % pruned in {block}" + ", outputs too" * outputs
                sides[label] = measure.Side(prepare_dual_softmax, model_dim, clips, block, outputs)
        sides[PLAIN] = measure.Side(prepare_plain_dual_softmax, model_dim, clips)
        results.update(
            _generation(
                "dual softmax", "dual_softmax", model_dim, sides, clips, 24000, runs, torch_python
            )
        )
    for clips in batch_sizes:
        units = _of(512, model_dim)
        sides = {
            "tfwave": measure.Side(prepare_mel_conditioned, units, clips),
            PLAIN: measure.Side(prepare_plain_mel_conditioned, units, clips),
        }
        results.update(
            _generation(
                "mel-conditioned", "mel_conditioned", units, sides, clips, 22050, runs, torch_python
            )
        )
    results.update(
        measure.compare(
            f"subscale, {SUBSCALE_SAMPLES} samples",
            {"tfwave": measure.Side(prepare_subscale, model_dim)},
            (),
            min(runs, SUBSCALE_RUNS),
            ("samples/s", SUBSCALE_SAMPLES),
            SUBSCALE_SAMPLES / 24000,
        )
    )
    for kind in ("dual softmax", "mel-conditioned"):
        name = f"{kind}, step, batch {TRAINING_CLIPS}"
        sides = {"tfwave": measure.Side(prepare_training, kind, model_dim)}
        results.update(measure.compare(name, sides, (), runs))
    return results


def _generation(kind, of_torch, units, sides, clips, sample_rate, runs, torch_python):
    if torch_python:
        sides[TORCH] = measure.Side(prepare_torch, of_torch, units, clips, python=torch_python)
    made = clips * SAMPLES
    return measure.compare(
        f"{kind}, clips: {clips}",
        sides,
        (PLAIN, TORCH),
        runs,
        ("samples/s", made),
        made / sample_rate,
    )


def _of(published, model_dim):
    """Scale a published size in the proportion that model_dim has to its own."""
    return max(1, published * model_dim // PUBLISHED_UNITS)


def _dual_softmax(model_dim, block=None, outputs=False):
    import tensorflow as tf

    from tfwave.layers.block_sparsity import PruningConfig
    from tfwave.models.wavernn.config import WaveRNNConfig
    from tfwave.models.wavernn.wavernn import WaveRNN

    pruning = block and PruningConfig(0.95, block, start=0, steps=1, every=1)
    config = WaveRNNConfig(
        units=model_dim, pruning=pruning, output_pruning=pruning if outputs else None
    )
    model = WaveRNN(config)
    model.network.cell.prune(tf.constant(1, tf.int64))
    return model


def prepare_dual_softmax(model_dim, clips, block=None, outputs=False):
    """Prepare SAMPLES of each clip, as a stream makes them."""
    from tfwave.models.sampler import BLOCK
    from tfwave.models.wavernn.generation import stream

    pieces = stream(_dual_softmax(model_dim, block, outputs).network, 10**9, clips=clips)
    return lambda: [next(pieces).numpy() for _ in range(SAMPLES // BLOCK)]


def prepare_plain_dual_softmax(model_dim, clips):
    """Prepare the same by a call for each sample."""
    from benchmarks import wavernn_plain

    from tfwave.models import step_noise

    cell = _dual_softmax(model_dim).network.cell
    uniform = step_noise.uniform(step_noise.block_seed(0, 0), SAMPLES, clips, 2)
    return lambda: wavernn_plain.dual_softmax(cell, uniform).numpy()


def _mel_conditioned(units, clips):
    import tensorflow as tf

    from tfwave.models.fatchord_wavernn.config import FatchordWaveRNNConfig
    from tfwave.models.fatchord_wavernn.fatchord_wavernn import FatchordWaveRNN

    model = FatchordWaveRNN(FatchordWaveRNNConfig(units=units, dense_units=units))
    channels = model.config.mel.n_mels + model.config.aux_channels
    return model, tf.random.stateless_normal([clips, SAMPLES, channels], [0, 0])


def prepare_mel_conditioned(units, clips):
    """Prepare SAMPLES of each clip, from conditioning at the sample rate."""
    from tfwave.models.fatchord_wavernn import generation as fatchord_wavernn_generation

    model, rows = _mel_conditioned(units, clips)
    return lambda: fatchord_wavernn_generation.run(model.network, rows).numpy()


def prepare_plain_mel_conditioned(units, clips):
    """Prepare the same by a call for each sample."""
    import tensorflow as tf
    from benchmarks import wavernn_plain

    from tfwave.models.wavenet import outputs as wavenet_outputs

    model, rows = _mel_conditioned(units, clips)
    draws = wavenet_outputs.draws(model.config, tf.constant(0), tf.constant(0), clips, SAMPLES)
    return lambda: wavernn_plain.mel_conditioned(model.network, rows, draws).numpy()


def prepare_torch(kind, units, clips):
    """Prepare the same in PyTorch, kind a function of `wavernn_torch`."""
    from benchmarks import wavernn_torch

    return getattr(wavernn_torch, kind)(units, clips, SAMPLES)


def prepare_subscale(model_dim):
    """Prepare one clip of 16 sub-tensors side by side."""
    from tfwave.models.wavernn.config import SubscaleWaveRNNConfig
    from tfwave.models.wavernn.subscale import SubscaleWaveRNN

    config = SubscaleWaveRNNConfig(
        units=_of(1024, model_dim) // 2 * 2,
        conv_channels=_of(384, model_dim),
        residual_channels=_of(768, model_dim),
    )
    model = SubscaleWaveRNN(config)
    return lambda: model.generate(samples=SUBSCALE_SAMPLES).numpy()


def prepare_training(kind, model_dim):
    """Prepare one update on segments of the published length."""
    import tensorflow as tf

    if kind == "dual softmax":
        model = _dual_softmax(model_dim)
        batch, samples = {}, model.config.sequence
    else:
        model, _ = _mel_conditioned(_of(512, model_dim), 1)
        config = model.config
        frames = config.segment_frames + 1 + 2 * config.frame_padding
        shape, samples = [TRAINING_CLIPS, frames, config.mel.n_mels], config.segment_len
        batch = {"features": tf.random.stateless_uniform(shape, [0, 0])}
    shape = [TRAINING_CLIPS, 1 + samples]
    batch["waveform"] = tf.random.stateless_normal(shape, [1, 0], 0.0, 0.1)
    model.compile()
    step = tf.function(model.train_step, autograph=False)
    return lambda: step(batch)["loss"].numpy()
