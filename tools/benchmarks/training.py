"""The timing of training steps, which the benchmarks of the vocoders share."""

from benchmarks import measure

TORCH = "the authors' network in PyTorch"


def figures(name, prepare, prepare_torch, model_dim, batch_sizes, runs, torch_python):
    """Time training steps of several batch sizes.

    Args:
      name: what begins the names of the figures.
      prepare, prepare_torch: functions of (model_dim, batch_size), see `measure.Side`.
      model_dim: size of the model.
      batch_sizes: list of int.
      runs: counted steps of each side.
      torch_python: interpreter that has PyTorch, or None.

    Returns:
      {name: figure}.
    """
    results = {}
    for batch_size in batch_sizes:
        sides = {"tfwave": measure.Side(prepare, model_dim, batch_size)}
        if torch_python:
            sides[TORCH] = measure.Side(prepare_torch, model_dim, batch_size, python=torch_python)
        results.update(measure.compare(f"{name}step, batch {batch_size}", sides, (TORCH,), runs))
    return results


def step_of(model, batch_size, scalar):
    """Return a function that makes one update of a model of segments.

    Args:
      model: not compiled; its configuration has segment_len.
      batch_size: segments of noise.
      scalar: which of the step's scalars is waited for.
    """
    import tensorflow as tf

    model.compile()
    step = tf.function(model.train_step, autograph=False)
    waveform = tf.random.stateless_normal([batch_size, model.config.segment_len], [0, 0], 0.0, 0.1)
    return lambda: step({"waveform": waveform})[scalar].numpy()
