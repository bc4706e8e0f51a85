"""What the tables of models of speech share: settings, training, clips, and row after row."""

import dataclasses
import functools
import pathlib

import numpy as np

from tfwave import files
from tfwave.audio.files import write_wav
from tfwave.papers import report, runner
from tfwave.papers.plan import Plan
from tfwave.training import checkpoints
from tfwave.training.config import TrainingConfig
from tfwave.training.loop import train
from tfwave.training.rows import read_curves


@dataclasses.dataclass(frozen=True)
class Options:
    """How to run, apart from what.

    Attributes:
      out_dir: result folder.
      cache_dir: folder for decoded audio and features.
      seed: of everything.
      say: function that is given one line of progress.
    """

    out_dir: pathlib.Path
    cache_dir: pathlib.Path
    seed: int = 0
    say: object = functools.partial(print, flush=True)


@dataclasses.dataclass(frozen=True)
class Table:
    """What a script rebuilds.

    Attributes:
      presets: {name: sizes of everything}; with sample_rate, and for the sentences that are built
        in, sentences and speakers.
      rows: `Row`s.
      reproduce: function of (corpus, preset, rows, options, strategy) that returns the
        `report.Report`.
    """

    presets: dict
    rows: tuple
    reproduce: object


def settings_of(table, protocol, preset, options, corpus):
    """Return everything that all rows of a result folder have in common.

    Args:
      table: name of the table.
      protocol: number that is raised when numbers of the same configuration change.
      preset: dataclass of the sizes of everything.
      options: `Options`.
      corpus: `SentenceCorpus`.
    """
    return {
        "table": table,
        "protocol": protocol,
        "preset": dataclasses.asdict(preset),
        "seed": options.seed,
        "corpus": {
            "recordings": {name: len(split) for name, split in corpus.splits.items()},
            "fingerprints": {n: split.store.fingerprint for n, split in corpus.splits.items()},
            "synthetic": corpus.synthetic,
        },
        "texts": {"corpus_name": corpus.name, "corpus": corpus.description},
    }


def compute_rows(rows, bench, results, write_report, say):
    """Compute the rows that the folder does not hold yet; rewrite the report after each of them.

    Args:
      rows: `Row`s.
      bench: has `row_settings(row)` and `compute(row, results)`.
      results: `runner.Results`.
      write_report: function of `results` that returns a `report.Report`.
      say: function that is given one line of progress.

    Returns:
      The finished `report.Report`. It is also written when a row fails or is interrupted.
    """
    plan = Plan({row.slug: (row.label, int(row.trained)) for row in rows}, say)
    try:
        for row in rows:
            if results.load(row.slug, bench.row_settings(row)):
                plan.cached(row.slug)
                continue
            plan.start(row.slug)
            bench.compute(row, results)
            plan.finish(row.slug)
            write_report(results)
    finally:
        made = write_report(results)
    return made


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
      facts: what else the weights depend on; training that was begun with other facts is refused.

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
        hparams={"row": row.slug, "steps": preset.steps, "seed": options.seed},
    )
    files.write_json(folder / runner.CURVES, read_curves(folder / "train"))
    model = make()
    checkpoints.restore(folder / "train", model, "best")
    return model, trained


def save_clips(folder, clips, sample_rate):
    """Write the clips of a row.

    Args:
      folder: of the row.
      clips: (name of the recording that it follows, float32 [time] in [-1, 1]) of each clip.
      sample_rate: Hz.

    Returns:
      What the row's result says of its clips.
    """
    saved = []
    for number, (name, clip) in enumerate(clips):
        file = f"samples/clip_{number:02d}.wav"
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        write_wav(folder / file, np.clip(clip, -1, 1)[:, np.newaxis], sample_rate)
        saved.append({"file": file, "number": number, "label": name, "caption": name})
    return saved


def headline(settings, title, **more):
    """Return the `report.Headline` of a result folder.

    Args:
      settings: those of the folder, see `settings_of`.
      title: the table's name and paper; preset and corpus are added.
      **more: other fields of the headline; `warnings` come after the one about the corpus.
    """
    corpus, texts = settings["corpus"], settings["texts"]
    name = texts["corpus_name"] + (" (synthetic)" if corpus["synthetic"] else "")
    recordings = ", ".join(f"{count:,} {split}" for split, count in corpus["recordings"].items())
    warnings = ("The corpus is not the paper's; it is " + texts["corpus"],)
    more["warnings"] = warnings + tuple(more.get("warnings", ()))
    preset = settings["preset"]["name"]
    facts = (("Preset", preset), ("Corpus", name), ("Recordings", recordings),
             ("Seed", str(settings["seed"])))  # fmt: skip
    return report.Headline(title=f"{title}: {preset} preset, {name}", facts=facts, **more)
