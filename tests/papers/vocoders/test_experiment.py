"""Every vocoder of the tables takes its slices, is scored on them, and speaks after a recording."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from tfwave import files
from tfwave.audio import world
from tfwave.data.corpus import Corpus, Split
from tfwave.data.store import store_of
from tfwave.models.fatchord_wavernn.config import FatchordWaveRNNConfig
from tfwave.models.wavernn.config import WaveRNNConfig
from tfwave.papers.vocoders.experiment import VocoderExperiment
from tfwave.papers.vocoders.presets import vocoder_presets
from tfwave.papers.waveglow.tables import TABLE1
from tfwave.repro import provenance
from tfwave.repro import results as runner
from tfwave.repro.reproduce import reproduce
from tfwave.repro.rows import make_row
from tfwave.repro.table import Options

SMOKE = vocoder_presets("melgan", "waveglow", "wavenet")["smoke"]
CONFIGS = {
    **dict(SMOKE.configs),
    "wavernn": WaveRNNConfig(
        units=16, bins=16, mel=SMOKE.mel, conditioning="features", conditioning_channels=4
    ),
    "fatchord": FatchordWaveRNNConfig(
        mel=SMOKE.mel,
        upsampling=(4, 8, 8),
        units=8,
        dense_units=8,
        resnet_channels=4,
        resnet_blocks=1,
        aux_channels=8,
    ),
}
_SAMPLES = 24 * SMOKE.mel.hop_length


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Noise."""
    rng, lengths = np.random.default_rng(0), (9000, 5000, 1000)

    def make():
        for length in lengths:
            yield rng.uniform(-0.3, 0.3, [length, 1]).astype(np.float32)

    names, rate = [f"{length}.wav" for length in lengths], SMOKE.sample_rate
    cache = tmp_path_factory.mktemp("noise")
    store = store_of(make, names, cache, "noise", rate, "x", progress=False)
    splits = dict.fromkeys(("train", "valid", "test"), Split(store))
    return Corpus("noise", "noise.", True, rate, splits)


@pytest.fixture(scope="module")
def start(corpus, tmp_path_factory):
    """A function of fields of the preset and options that returns a prepared experiment."""
    cache = tmp_path_factory.mktemp("vocoders")

    class NoiseExperiment(VocoderExperiment):
        def open_corpus(self):
            return corpus

    def start(table=TABLE1, preset=SMOKE, options=None, strategy=None, **fields):
        preset = dataclasses.replace(preset, configs=tuple(CONFIGS.items()), **fields)
        options = options or Options(cache, cache)
        experiment = NoiseExperiment(table, preset, options, strategy)
        experiment.prepare()
        return experiment

    return start


@pytest.fixture
def run(start, tmp_path):
    """A function that reproduces a table of given rows; returns its rows and what was reported."""

    def run(*rows):
        lines = []
        options = Options(tmp_path, tmp_path / "cache", "smoke", report_progress=lines.append)
        table = dataclasses.replace(TABLE1, rows=rows, experiment=start)
        reproduce(table, options)
        return files.read_json(tmp_path / "results.json")["rows"], lines

    return run


@pytest.mark.parametrize(
    "system",
    [
        pytest.param(system, marks=pytest.mark.slow if system == "fatchord" else [])
        for system in CONFIGS
    ],
)
def test_slices_score_and_copy_synthesis(start, system):
    experiment, row = start(), make_row(system, system, system)
    model = experiment.compiled(row)
    batch = next(iter(experiment.batches(row, 0, 0, 1)))
    logs = tf.function(model.train_step)(batch)
    assert all(np.isfinite(value).all() for value in logs.values())
    assert math.isfinite(experiment.score(row, model))

    waveform = experiment.corpus.splits["test"].store.frames(0, 0, _SAMPLES)[:, 0]
    hop = experiment.front_end(row).hop_length
    copy = model.copy_synthesis(waveform[np.newaxis], seed=3)[0, :, 0].numpy()
    assert copy.dtype == np.float32 and abs(len(copy) - _SAMPLES) <= hop
    assert np.isfinite(copy).all() and np.abs(copy).max() <= 1.0
    np.testing.assert_array_equal(model.copy_synthesis(waveform[np.newaxis], seed=3)[0, :, 0], copy)


def test_training_records_the_front_end_of_the_features(start):
    """Of a model whose configuration names none; the tools read it from there."""
    experiment = start()
    for system in CONFIGS:
        row = make_row(system, system, system)
        description = experiment.description(row)
        mel = description["model"].get("mel") or description["mel"]
        assert mel == dataclasses.asdict(experiment.front_end(row))


def test_only_recordings_that_can_be_measured_are_heard(start, tmp_path):
    row = make_row("griffin_lim_0", "", iterations=0)
    results = runner.open_results(tmp_path / "out", {})
    start().compute(row, results)
    assert results.load(row.key)["counts"] == "1 recording, 0 s"
    with pytest.raises(ValueError, match="noise: no test recording lasts 6144 samples"):
        start(clip_seconds=0.1).compute(row, results)


def test_what_missed_a_package_is_made_when_it_has_come(run, monkeypatch):
    """A finished row is measured again, one that was left out is made, and neither twice."""
    installed = set()

    def version(package):
        return "1.0" if package in installed else "not installed"

    def resynthesize(waveform, sample_rate):
        if "pyworld" not in installed:
            raise world.MissingPackage("pyworld")
        return waveform

    monkeypatch.setattr(provenance, "_version", version)
    monkeypatch.setattr(world, "resynthesize", resynthesize)
    table = [make_row("griffin_lim", "Griffin-Lim", iterations=0), make_row("world", "WORLD")]
    rows, lines = run(*table)
    assert rows["world"]["status"] == "needs pyworld"
    assert 'pip install "tfwave[vocoder]"' in lines[-1]
    assert rows["griffin_lim"]["status"] == "done"
    installed.add("pyworld")
    rows, lines = run(*table)
    assert rows["world"]["values"]["log_spectral_distance"]["reproduced"]["mean"] == 0
    assert [line for line in lines if "done in" in line] == [lines[1], lines[3]]
    _, lines = run(*table)
    assert lines == [
        f"[row {n} of 2] {row.label}: already done, nothing to compute"
        for n, row in enumerate(table, 1)
    ]


def test_a_finished_row_without_its_weights_is_not_trained_again(run, start, tmp_path, monkeypatch):
    row = make_row("wavenet", "WaveNet", "wavenet")
    run()
    monkeypatch.setattr(provenance, "_version", lambda package: "not installed")
    result = {"scores": {}, "clips": [], "counts": ""}
    runner.read_results(tmp_path).save(row.key, start().settings(row), result)
    monkeypatch.setattr(provenance, "_version", lambda package: "1.0")
    _, lines = run(row)
    assert lines == ["[row 1 of 1] WaveNet: already done, nothing to compute"]
