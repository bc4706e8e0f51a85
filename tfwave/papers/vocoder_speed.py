"""How large vocoders are and how fast they speak: the tables that need no recordings.

Speeds do not depend on what a model has learnt, so the models have their initial weights.
"""

import dataclasses
import time

import numpy as np
import tensorflow as tf

from tfwave import files
from tfwave.papers import published, report, runner
from tfwave.papers.plan import Plan


@dataclasses.dataclass(frozen=True)
class Speaker:
    """A vocoder whose speed is measured.

    Attributes:
      make: function without arguments that returns the model.
      features: function of (model, seconds) that returns what it is given, of random features.
      speak: function of (model, features) that returns a waveform [1, samples, 1].
      parameters: function of the model that returns its trained numbers, norms folded.
    """

    make: object
    features: object
    speak: object
    parameters: object


def random_mel(config, seconds, seed=0):
    """A mel spectrogram [1, frames, n_mels] of noise, `seconds` long, of a `MelConfig`."""
    frames = max(int(seconds * config.sample_rate / config.hop_length), 8)
    return tf.random.stateless_normal([1, frames, config.n_mels], [seed, 0])


def folded_count(model):
    """Numbers of a model without the gains of its weight norms."""
    gains = sum(
        int(np.prod(v.shape)) for v in model.trainable_variables if "gain" in v.name.split("/")[-1]
    )
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables) - gains


def kilohertz(speaker, device, seconds, runs):
    """Measure a speed.

    Args:
      speaker: `Speaker`.
      device: TensorFlow device, such as "CPU:0".
      seconds: of audio that is asked for at a time.
      runs: counted runs after the first, which compiles.

    Returns:
      ({mean, pm, n}: median of the thousands of samples in a second, half the range between the
      quartiles, runs; seconds of the first run; the model).
    """
    with tf.device(device):
        model = speaker.make()
        features = speaker.features(model, seconds)
        begin = time.perf_counter()
        samples = speaker.speak(model, features).numpy().size
        first = time.perf_counter() - begin
        rates = []
        for _ in range(runs):
            begin = time.perf_counter()
            speaker.speak(model, features).numpy()
            rates.append(samples / (time.perf_counter() - begin) / 1000)
    low, middle, high = np.percentile(rates, [25, 50, 75])
    return {"mean": middle, "pm": (high - low) / 2, "n": runs}, first, model


def reproduce(settings, rows, speakers, columns, seconds, runs, out_dir, write_report, say=print):
    """Measure every row that the folder does not hold yet.

    Args:
      settings: what all rows have in common, as a dict.
      rows: `Row`s; those in `speakers` are measured.
      speakers: {row: `Speaker`}.
      columns: {device: key of the column for its speed}; devices that the machine lacks are left
        out. The column "params_m" gets the millions of parameters.
      seconds: {row: seconds of audio asked for at a time}.
      runs: counted runs of each.
      out_dir: result folder.
      write_report: function of `runner.Results` that returns a `report.Report`.
      say: function that is given one line of progress.

    Returns:
      The finished `report.Report`.

    Raises:
      ValueError: the folder holds another configuration.
      OSError: a file cannot be written.
    """
    results = runner.open_results(out_dir, settings)
    present = {device.name.removeprefix("/physical_device:") for device in
               tf.config.list_physical_devices()}  # fmt: skip
    measured = [row for row in rows if row.slug in speakers]
    plan = Plan({row.slug: (row.label, 1) for row in measured}, say)
    for row in measured:
        if results.load(row.slug, {"row": row.slug}):
            plan.cached(row.slug)
            continue
        plan.start(row.slug)
        scores, facts = {}, {}
        for device, column in columns.items():
            if device not in present:
                continue
            scores[column], first, model = kilohertz(
                speakers[row.slug], device, seconds[row.slug], runs
            )
            facts[f"First call on {device}"] = f"{first:.1f} s"
        count = speakers[row.slug].parameters(model)
        scores["params_m"] = {"mean": count / 1e6}
        facts["Parameters"] = count
        result = {"label": row.label, "trained": False, "scores": scores, "clips": [],
                  "counts": f"{runs} runs of {seconds[row.slug]:g} s", "facts": facts,
                  "seconds": {}}  # fmt: skip
        results.save(row.slug, {"row": row.slug}, result)
        plan.finish(row.slug)
        write_report(results)
    return write_report(results)


def write_table(results, paper, table, rows, headline, status):
    """Write table.md and results.json of a folder without clips; returns the `report.Report`."""
    published_paper = published.load_paper(paper)
    made = report.build(
        published_paper, headline, published_paper.tables[table], (), rows, results, {}, status
    )
    files.write_json(results.path / "results.json", report.as_json(made, results))
    files.atomic_write(results.path / "table.md", report.markdown(made).encode("utf-8"))
    return made
