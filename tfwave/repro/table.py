"""What the tables of models of speech share: settings, training, clips, and row after row."""

import dataclasses
import functools
import pathlib

import numpy as np
import tensorflow as tf

from tfwave import files
from tfwave.audio.files import write_wav
from tfwave.audio.world import MissingPackage
from tfwave.repro import provenance, published, ratings
from tfwave.repro import results as runner
from tfwave.repro.plan import Plan
from tfwave.repro.report import report
from tfwave.training import checkpoints
from tfwave.training.config import PROFILED, TrainingConfig
from tfwave.training.loop import train
from tfwave.training.rows import read_curves


@dataclasses.dataclass(frozen=True)
class Options:
    """How to run, apart from what.

    Attributes:
      out_dir: result folder.
      cache_dir: folder for decoded audio and features.
      seed: of everything.
      profile: whether a few steps of each training are traced for TensorBoard.
      say: function that is given one line of progress.
    """

    out_dir: pathlib.Path
    cache_dir: pathlib.Path
    seed: int = 0
    profile: bool = False
    say: object = functools.partial(print, flush=True)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table that is rebuilt from recordings of speech.

    Attributes:
      name: of the table, in its settings.
      protocol: number that is raised when numbers of the same configuration change.
      paper: name of the published paper's JSON file.
      measured: id of its table that has the columns that are measured here.
      title: the table's name and paper.
      rows: `Row`s.
      presets: {name: sizes of everything}; with sample_rate, and for the sentences that are built
        in, sentences and speakers.
      bench: function of (corpus, preset, options, strategy) whose value has `row_settings(row)` and
        `compute(row, results)`.
      warning: function of a preset, as a dict, that returns sentences on its sizes.
      notes: sentences on how everything was measured.
      counts: what the counts under the rows' names count.
      listeners: id of the published table whose scores are listeners'; empty without one.
      reference: slug of the row of recordings; empty for a table without clips.
      status: {slug: why this row cannot be computed}.
      unseen_speakers: whether nobody speaks in the test who is heard in training.
      optional: packages without which a row has fewer scores; one that is installed later has
        finished rows measured again whose weights are still there.
    """

    name: str
    protocol: int
    paper: str
    measured: str
    title: str
    rows: tuple
    presets: dict
    bench: object
    warning: object
    notes: tuple
    counts: str
    listeners: str = ""
    reference: str = ""
    status: dict = dataclasses.field(default_factory=dict)
    unseen_speakers: bool = False
    optional: tuple = ()


def reproduce(table, corpus, preset, rows, options, strategy):
    """Compute the wanted rows that the result folder does not hold yet; report after each of them.

    Weights that are trained already are taken as they are. A row whose package is missing is said
    and left out.

    Args:
      table: `Table`.
      corpus: `Corpus`.
      preset: one of the table's.
      rows: `Row`s to compute; those that cannot be computed are passed over.
      options: `Options`.
      strategy: tf.distribute.Strategy.

    Returns:
      The finished `report.Report`. It is also written when a row fails or is interrupted.

    Raises:
      Interrupted: Ctrl-C or SIGTERM while training; the same command continues.
      ValueError: the corpus does not fit the table, the folder holds another configuration, or
        training diverged.
      OSError: a file cannot be written.
    """
    bench = table.bench(corpus, preset, options, strategy)
    results = runner.open_results(options.out_dir, _settings(table, preset, options, corpus))
    rows = [row for row in rows if row.slug not in table.status]
    plan = Plan({row.slug: (row.label, int(row.trained)) for row in rows}, options.say)
    status = dict(table.status)
    try:
        for row in rows:
            done = results.load(row.slug, bench.row_settings(row))
            kept = not row.trained or (results.row_dir(row.slug) / "train").is_dir()
            if done and not (kept and provenance.installed_since(done, table.optional)):
                plan.cached(row.slug)
                continue
            plan.start(row.slug)
            try:
                bench.compute(row, results)
            except MissingPackage as error:
                plan.failed(row.slug, f"left out, {error}")
                status[row.slug] = f"needs {error.package}"
                continue
            plan.finish(row.slug)
            write_report(table, results, status)
    finally:
        made = write_report(table, results, status)
    return made


def _settings(table, preset, options, corpus):
    """Everything that all rows of a result folder have in common."""
    return {
        "table": table.name,
        "protocol": table.protocol,
        "preset": dataclasses.asdict(preset),
        "seed": options.seed,
        "corpus": {
            "recordings": {name: len(split) for name, split in corpus.splits.items()},
            "fingerprints": {n: split.fingerprint for n, split in corpus.splits.items()},
            "sample_rate": corpus.sample_rate,
            "synthetic": corpus.synthetic,
        },
        "texts": {"corpus_name": corpus.name, "corpus": corpus.description},
    }


def write_report(table, results, status=None):
    """Write the report of a result folder of a `Table`; returns the `report.Report`.

    Args:
      table: `Table`.
      results: `runner.Results`.
      status: {slug: why this row has no result}; the table's own without it.
    """
    paper = published.load_paper(table.paper)
    judged = (paper.tables[table.listeners],) if table.listeners else ()
    rated = {}
    for human in judged:
        slugs = [row.slug for row in table.rows]
        rated = ratings.read_ratings(results.path, slugs, human.columns)
    made = report.build(
        paper,
        _headline(table, results.settings),
        paper.tables[table.measured],
        judged,
        table.rows,
        results,
        rated,
        table.status if status is None else status,
    )
    report.write(made, results)
    return made


def _headline(table, settings):
    corpus, texts = settings["corpus"], settings["texts"]
    name = texts["corpus_name"] + (" (synthetic)" if corpus["synthetic"] else "")
    recordings = ", ".join(f"{count:,} {split}" for split, count in corpus["recordings"].items())
    preset = settings["preset"]["name"]
    return report.Headline(
        title=f"{table.title}: {preset} preset, {name}",
        facts=(
            ("Preset", preset),
            ("Corpus", name),
            ("Recordings", recordings),
            ("Seed", str(settings["seed"])),
        ),
        warnings=(
            "The corpus is not the paper's; it is " + texts["corpus"],
            *table.warning(settings["preset"]),
        ),
        notes=table.notes,
        reference=table.reference,
        reference_label="Recording",
        about_scores=f"Under each name: {table.counts}.",
        about_clips="They follow the beginnings of held-out recordings, which stand above. "
        f"Spectrograms reach to {corpus['sample_rate'] / 2000:g} kHz, 80 dB.",
    )


def train_row(row, results, preset, options, strategy, make, batches, score_fn, score, facts):
    """Train the model of a row, or go on with it, and bring back its best weights.

    Args:
      row: `Row`.
      results: `runner.Results`.
      preset: has steps, batch_size and how often to log, score, and keep weights and media.
      options: `Options`.
      strategy: tf.distribute.Strategy.
      make: function without arguments that returns the compiled model.
      batches: function of (first step, shard, shards) that returns batches for training.
      score_fn: function of a model that returns the number that chooses the best weights.
      score: `Score`, what that number is called and which way is better.
      facts: what else the weights depend on, with "model", a dict of the configuration; training
        that was begun with other facts is refused.

    Returns:
      (model with the best weights, what the training loop returned).

    Raises:
      Interrupted: training was stopped; the same call continues.
      NonFiniteError: training diverged.
    """
    folder = results.row_dir(row.slug)
    trained = train(
        folder / "train",
        make,
        batches,
        TrainingConfig(
            steps=preset.steps,
            batch_size=preset.batch_size,
            seed=options.seed,
            log_every=preset.log_every,
            media_every=preset.media_every,
            score_every=preset.score_every,
            checkpoint_every=preset.checkpoint_every,
            profile_steps=PROFILED if options.profile else None,
        ),
        {
            "system": row.system,
            "steps": preset.steps,
            "batch_size": preset.batch_size,
            "seed": options.seed,
            **facts,
        },
        strategy=strategy,
        score_fn=score_fn,
        score=score,
        hparams={
            "row": row.slug,
            **facts["model"],
            "steps": preset.steps,
            "batch_size": preset.batch_size,
            "seed": options.seed,
        },
    )
    files.write_json(folder / runner.CURVES, read_curves(folder / "train"))
    model = make()
    checkpoints.restore(folder / "train", model, "best")
    return model, trained


def held_out_mean(model, slices, value):
    """Mean of what a model's `test_step` measures.

    Args:
      model: with a `test_step`; a mean over samples comes with the number of "samples".
      slices: dataset of batches with "waveform".
      value: function of what `test_step` returns that picks the number.

    Returns:
      (mean, n): over n samples, or over n slices where `test_step` counts no samples.
    """
    step = tf.function(model.test_step, autograph=False, reduce_retracing=True)
    total = count = 0.0
    for batch in slices:
        measured = step(batch)
        weight = float(measured.get("samples", len(batch["waveform"])))
        total += weight * float(value(measured))
        count += weight
    return total / count, int(count)


def save_row(results, row, settings, sample_rate, scores, counts, facts, seconds, clips=()):
    """Write the clips and the result of a row.

    Args:
      results: `runner.Results`.
      row: `Row`.
      settings: what changes the numbers of the row, beside the settings of the folder.
      sample_rate: Hz.
      scores: {column: {mean, n, pm}}.
      counts: what was counted, in words.
      facts: {name: value} to print.
      seconds: {part of the work: seconds}.
      clips: (label of the recording that it follows, caption, float32 [time] in [-1, 1]) of each.
    """
    folder, saved = results.row_dir(row.slug), []
    for number, (label, caption, clip) in enumerate(clips):
        file = f"samples/clip_{number:02d}.wav"
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        write_wav(folder / file, np.clip(clip, -1, 1)[:, np.newaxis], sample_rate)
        saved.append({"file": file, "number": number, "label": label, "caption": caption})
    result = {
        "label": row.label,
        "trained": row.trained,
        "scores": scores,
        "counts": counts,
        "clips": saved,
        "sample_rate": sample_rate,
        "facts": facts,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }
    results.save(row.slug, settings, result)
