"""Training to a directory: the loop, its checkpoints, scores and summaries.

A run killed at any step and started again with the same arguments ends with the same weights, bit
for bit on the CPU, as one that was left alone. Nothing but variables carries state: the data
position is the step (`batches_fn` starts anywhere), random draws are functions of seed and step,
and a step's rows and scores are written before the checkpoint that follows them.
"""

import contextlib
import dataclasses
import os
import signal
import time

import keras
import numpy as np
import tensorflow as tf

from tfwave.models.system import Curve
from tfwave.training import checkpoints, distribution, guard
from tfwave.training.directory import open_directory
from tfwave.training.interrupts import Interrupted, stop_on_signals
from tfwave.training.progress import Progress
from tfwave.training.rows import RowWriter
from tfwave.training.summaries import Summaries

_SECONDS_BETWEEN_READS = 1.0


@dataclasses.dataclass(frozen=True)
class Score:
    """A number that selects the best weights of a run.

    Attributes:
      name: name in rows and in TensorBoard.
      lower_is_better: whether it is a cost.
    """

    name: str
    lower_is_better: bool = False


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """The result of a run.

    Attributes:
      model: the model with its latest weights (`checkpoints.restore` loads the best ones).
      step: the last step.
      best_step: step of the weights in directory/best, or None when nothing was scored.
      best_score: their score, or None.
      seconds: time spent training over all starts of the run, without scores and checkpoints.
    """

    model: object
    step: int
    best_step: int | None
    best_score: float | None
    seconds: float


def train(
    directory,
    model_fn,
    batches_fn,
    config,
    description,
    strategy=None,
    score_fn=None,
    score=Score("score"),
    hparams=None,
    progress=True,
):
    """Train a model, or continue training it, until `config.steps`.

    Args:
      directory: folder of the run. Several workers need one that all of them can access.
      model_fn: function without arguments giving the compiled `System`. Called inside the
        strategy's scope.
      batches_fn: function of (start_step, shard_index, shard_count) giving an infinite dataset of
        what `train_step` takes: dicts of arrays [batch_size / shard_count, ...], with an axis of
        updates before where a step takes several batches. Its element number s is always the
        same, whatever `start_step` it was reached from.
      config: TrainingConfig.
      description: JSON-able dict of everything that the weights depend on.
      strategy: tf.distribute.Strategy, by default one device.
      score_fn: function of the model giving a number. It is called every `config.score_every`
        steps and at the end, and must depend on the weights alone.
      score: `Score` that describes that number.
      hparams: dict for TensorBoard's HParams tab.
      progress: whether to show progress on stderr.

    Returns:
      TrainingResult.

    Raises:
      Interrupted: Ctrl-C or SIGTERM; the state was saved and the same call continues.
      NonFiniteError: a loss, gradient or weight is not finite.
      OSError: the directory cannot be used, a checkpoint cannot be written or read.
      UserError: the directory belongs to another configuration.
    """
    directory = os.fspath(directory)
    strategy = strategy or tf.distribute.get_strategy()
    distribution.check_batch_size(strategy, config.batch_size)
    with contextlib.ExitStack() as stack:
        if distribution.is_chief(strategy):
            stack.enter_context(open_directory(directory, description))
        # Installed now, so that a signal during the long start is not lost: the first step acts on
        # it.
        request = stack.enter_context(stop_on_signals())
        with strategy.scope():
            keras.utils.set_random_seed(config.seed)
            model = model_fn()
        run = _Run(directory, model, config, strategy, batches_fn, score_fn, score)
        stack.callback(run.close)
        run.open(description, hparams, progress)
        run.loop(request)
        return run.result()


class _Run:
    """The state of `train` between its steps."""

    def __init__(self, directory, model, config, strategy, batches_fn, score_fn, score):
        self._directory = directory
        self._model = model
        self._updates = model.batch_spec().updates
        self._config = config
        self._strategy = strategy
        self._batches_fn = batches_fn
        self._score_fn = score_fn if config.score_every else None
        self._score_kind = score
        self._chief = distribution.is_chief(strategy)
        # Workers must act on the same step, so they read the votes of all workers at each one.
        self._together = distribution.worker_count(strategy) > 1
        self._step = 0
        self._seconds = 0.0
        self._best = None
        self._names = []
        self._unread = []
        self._metrics = {}
        self._closers = []
        self._profiling = False

    def open(self, description, hparams, progress):
        """Load the newest checkpoint and open the logs at its step."""
        shown = progress and self._chief
        notes = []
        manifest = checkpoints.resume(self._directory, self._model, notes.append)
        if manifest is not None:
            self._step = manifest["step"]
            self._seconds = manifest.get("seconds", 0.0)  # absent from earlier classifiers
        self._check_step()
        distribution.check_workers_agree(self._strategy, self._step)
        self._read_best()
        if self._chief:
            checkpoints.tidy(self._directory, self._step)
            self._rows = self._closing(RowWriter(self._directory, self._step))
        self._summaries = self._closing(
            Summaries(
                self._directory if self._chief else None,
                self._step,
                description,
                hparams,
                self._curves(),
            )
        )
        self._progress = self._closing(
            Progress(
                shown,
                self._step,
                self._config.steps,
                [curve.name for curve in self._model.curves if curve.shown],
            )
        )
        for note in [*notes, self._introduction()]:
            self._progress.say(note)
        self._batches = self._closing(
            distribution.ReplicaBatches(self._strategy, self._batches_fn, self._step)
        )
        self._train_step = self._make_train_step()

    def _curves(self):
        """The scalars that the model and the score log, for the charts."""
        curves, score = self._model.all_curves(), self._score_kind
        if any(curve.name == score.name for curve in curves):
            return curves
        return (*curves, Curve(score.name, "Held-out score", score.lower_is_better))

    def loop(self, request):
        """Train until the last step or until a signal asks to stop."""
        self._last_save = self._last_read = time.monotonic()
        self._logged = (self._step, self._seconds)
        self._begun = self._step
        while self._step < self._config.steps:
            self._profile(self._step + 1 - self._begun)
            begin = time.monotonic()
            data = self._batches.next()
            votes = [float(request.signum > 0), float(self._save_is_due_by_time())]
            vector = self._train_step(data, tf.constant(votes, tf.float32))
            self._step += 1
            self._unread.append(vector)
            if self._together:
                stop, save = (float(vote) > 0 for vote in vector[-2:])
            else:
                stop, save = request.signum > 0, self._save_is_due_by_time()
            self._read_if_due(stop or save)
            self._seconds += time.monotonic() - begin
            self._after_step(data, save or stop)
            if stop:
                self._leave(request.signum)
        self._end_profile()

    def result(self):
        """Summarise the run."""
        best = self._best or {"step": None, "score": None}
        return TrainingResult(self._model, self._step, best["step"], best["score"], self._seconds)

    def close(self):
        """Close the logs."""
        if self._profiling:
            tf.profiler.experimental.stop(save=False)
        for closer in reversed(self._closers):
            # All that matters was flushed earlier; a full disk must not hide the first error.
            with contextlib.suppress(OSError, tf.errors.OpError):
                closer.close()

    def _closing(self, resource):
        self._closers.append(resource)
        return resource

    def _make_train_step(self):
        def replica_step(data, votes):
            metrics = self._model.train_step(data)
            self._names[:] = list(metrics)
            values = tf.stack([tf.cast(value, tf.float32) for value in metrics.values()])
            return tf.concat([values, votes], axis=0)

        # No XLA: on the CPU it makes strided convolutions many times slower.
        @tf.function(jit_compile=False, autograph=False)
        def train_step(data, votes):
            values = self._strategy.run(replica_step, args=(data, votes))
            return self._strategy.reduce(tf.distribute.ReduceOp.MEAN, values, axis=None)

        return train_step

    def _read_if_due(self, wanted):
        """Read the metrics of the steps since the last time, checking each of them.

        Reading waits for the device, so it is not done at every step; but it is done before
        anything is written, so that no non-finite value is written.
        """
        now = time.monotonic()
        late = now - self._last_read >= _SECONDS_BETWEEN_READS
        if not (wanted or late or self._together or self._is_due_at(self._step)):
            return
        first = self._step - len(self._unread) + 1
        for step, vector in enumerate(self._unread, first):
            values = vector.numpy()[: len(self._names)]
            guard.check_metrics(step, self._names, values, self._batches_fn, self._updates)
        self._metrics = {n: float(v) for n, v in zip(self._names, values, strict=True)}
        self._unread = []
        self._last_read = now

    def _is_due_at(self, step):
        config = self._config
        rhythms = (
            config.log_every,
            config.media_every,
            config.score_every,
            config.checkpoint_every,
        )
        return step in (1, config.steps) or any(n and step % n == 0 for n in rhythms)

    def _after_step(self, data, save):
        """Log, score and save, in this order: a checkpoint follows all that its step wrote."""
        config, step = self._config, self._step
        last = step == config.steps
        values = {}
        if step == 1 or step % config.log_every == 0 or last:
            values.update(self._metrics)
        if self._score_fn and (step % config.score_every == 0 or last):
            values.update(self._metrics)
            values[self._score_kind.name] = self._score()
        if values:
            self._log(values)
        if config.media_every and (step % config.media_every == 0 or last):
            self._media(data)
        if last:
            self._summaries.finish(step)
        if save or last or (config.checkpoint_every and step % config.checkpoint_every == 0):
            self._save()

    def _log(self, values):
        speed = self._clips_per_second()
        self._summaries.scalars(self._step, {**values, "clips_per_second": speed})
        # The speed stays out of the rows: they are the same for every run of a configuration.
        if self._chief:
            self._rows.append(self._step, values)
        self._progress.update(self._step, values, speed)

    def _media(self, data):
        local = self._strategy.experimental_local_results(data)[0]
        self._summaries.media(self._step, self._model, local)

    def _score(self):
        """Score the weights and keep them where they are the best so far."""
        guard.check_variables(self._step, self._variables())
        score = float(distribution.value_of_chief(self._strategy, self._score_fn(self._model)))
        # Strictly better: a resumed run scores the best step again and must leave it in place.
        if np.isfinite(score) and (self._best is None or self._is_better(score)):
            if self._chief:
                checkpoints.save_best(self._directory, self._model, self._step, score)
            else:
                checkpoints.discard_weights(self._model, self._step)
            self._best = {"step": self._step, "score": score}
        return score

    def _is_better(self, score):
        best = self._best["score"]
        return score < best if self._score_kind.lower_is_better else score > best

    def _save(self):
        self._check_step()
        guard.check_variables(self._step, self._variables())
        self._summaries.flush()
        if self._chief:
            self._rows.sync()
            facts = {"seconds": self._seconds}
            checkpoints.save_newest(
                self._directory, self._model, self._step, self._config.keep, facts
            )
        else:
            checkpoints.discard_weights(self._model, self._step)
        self._last_save = time.monotonic()

    def _save_is_due_by_time(self):
        seconds = self._config.checkpoint_every_seconds
        return bool(seconds) and self._chief and time.monotonic() - self._last_save >= seconds

    def _leave(self, signum):
        # Another worker may have received the signal; this one stops with it.
        signum = signum or signal.SIGTERM
        raise Interrupted(
            f"stopped at step {self._step} of {self._config.steps}; everything is saved in "
            f"{self._directory}, the same command continues",
            signum,
        )

    def _read_best(self):
        best = checkpoints.read_best(self._directory)
        score = float("-inf") if best is None else best["score"]
        score = distribution.value_of_chief(self._strategy, score)
        if np.isfinite(score):
            self._best = {"step": best["step"] if best else None, "score": score}

    def _clips_per_second(self):
        step, seconds = self._logged
        self._logged = (self._step, self._seconds)
        clips = (self._step - step) * self._updates * self._config.batch_size
        return clips / max(1e-9, self._seconds - seconds)

    def _profile(self, step):
        if self._config.profile_steps is None or not self._chief:
            return
        first, last = self._config.profile_steps
        if step == first:
            tf.profiler.experimental.start(self._directory)
            self._profiling = True
        elif step > last:
            self._end_profile()

    def _end_profile(self):
        if self._profiling:
            self._profiling = False
            tf.profiler.experimental.stop()

    def _variables(self):
        owners = [self._model, *self._model.optimizers().values()]
        return [v for owner in owners for v in list(owner.variables)]

    def _check_step(self):
        step = int(tf.convert_to_tensor(self._model.step))
        if step != self._step:
            raise RuntimeError(f"the model counts {step} steps where {self._step} were trained")

    def _introduction(self):
        model = self._model
        counts = [
            f"{name} {getattr(model, name).count_params():,} parameters"
            for name in model.networks
            if isinstance(getattr(model, name), keras.layers.Layer)
        ] or [f"{model.count_params():,} parameters"]
        precision = getattr(model.config, "precision", None)
        if self._step == 0:
            start = f"{self._config.steps} steps to train"
        else:
            start = f"continuing from step {self._step} of {self._config.steps}"
        return "; ".join(
            [
                f"{type(model).__name__}: " + ", ".join(counts),
                distribution.describe(self._strategy),
                *([precision] if precision else []),
                start,
            ]
        )
