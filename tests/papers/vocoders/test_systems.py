"""Every vocoder of the tables takes its slices, is scored on them, and speaks after a recording."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from tfwave import files
from tfwave.audio import world
from tfwave.audio.mel import mel_spectrogram
from tfwave.data.sentence_corpora import SentenceCorpus, Utterances
from tfwave.data.store import store_of
from tfwave.data.utterances import training_slices
from tfwave.models.fatchord_wavernn.config import FatchordWaveRNNConfig
from tfwave.models.wavernn.config import WaveRNNConfig
from tfwave.papers.vocoders.experiment import Workbench
from tfwave.papers.vocoders.presets import presets_of
from tfwave.papers.vocoders.systems import TRAINED, vocode
from tfwave.papers.waveglow import table1 as waveglow_table1
from tfwave.repro import provenance
from tfwave.repro import results as runner
from tfwave.repro.rows import make_row
from tfwave.repro.table import Options, reproduce

SMOKE = presets_of("melgan", "waveglow", "wavenet")["smoke"]
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
def bench(tmp_path_factory):
    """A workbench on noise, with sizes for every vocoder."""
    cache = tmp_path_factory.mktemp("vocoders")
    rng, lengths = np.random.default_rng(0), (9000, 5000, 1000)

    def make():
        for length in lengths:
            yield rng.uniform(-0.3, 0.3, [length, 1]).astype(np.float32)

    names, rate = [f"{length}.wav" for length in lengths], SMOKE.sample_rate
    store = store_of(make, names, [0, 0, 0], cache, "noise", rate, "x", progress=False)
    splits = dict.fromkeys(("train", "valid", "test"), Utterances(store))
    corpus = SentenceCorpus("noise", "noise.", True, splits, (), (), rate)
    preset = dataclasses.replace(SMOKE, configs=tuple(CONFIGS.items()))
    return Workbench(corpus, preset, Options(cache, cache), tf.distribute.get_strategy())


@pytest.mark.parametrize(
    "system",
    [
        pytest.param(system, marks=pytest.mark.slow if system == "fatchord" else [])
        for system in TRAINED
    ],
)
def test_slices_score_and_copy_synthesis(bench, system):
    row = make_row(system, system, system)
    model = TRAINED[system].make(bench.config(row), 0)
    model.compile()
    batch = next(iter(training_slices(bench.windows("train", row), 2, 0, 0, 0, 1)))
    logs = tf.function(model.train_step)(batch)
    assert all(np.isfinite(value).all() for value in logs.values())
    assert math.isfinite(bench.held_out(model, row, batches=2))

    waveform = bench.corpus.splits["test"].store.frames(0, 0, _SAMPLES)[:, 0]
    mel = bench.front_end(model.config)
    features = mel_spectrogram(waveform[np.newaxis], mel)
    made = vocode(TRAINED[system], model, features, mel, seed=3)
    assert made.dtype == np.float32 and abs(len(made) - _SAMPLES) <= mel.hop_length
    assert np.isfinite(made).all() and np.abs(made).max() <= 1.0
    np.testing.assert_array_equal(vocode(TRAINED[system], model, features, mel, seed=3), made)


def test_only_recordings_that_can_be_measured_are_heard(bench, tmp_path):
    row = make_row("griffin_lim_0", "", iterations=0)
    results = runner.open_results(tmp_path / "out", {})
    bench.compute(row, results)
    assert results.load(row.slug)["counts"] == "1 recording, 0 s"

    short = dataclasses.replace(bench.preset, clip_seconds=0.1)
    with pytest.raises(ValueError, match="noise: no test recording lasts 6144 samples"):
        Workbench(bench.corpus, short, bench.options, None).compute(row, results)


def test_what_missed_a_package_is_made_when_it_has_come(bench, tmp_path, monkeypatch):
    """A finished row is measured again, one that was left out is made, and neither twice."""
    said, installed = [], set()

    def version(package):
        return "1.0" if package in installed else "not installed"

    def resynthesize(waveform, sample_rate):
        if "pyworld" not in installed:
            raise world.MissingPackage("pyworld")
        return waveform

    monkeypatch.setattr(provenance, "_version", version)
    monkeypatch.setattr(world, "resynthesize", resynthesize)
    options = Options(tmp_path, bench.options.cache_dir, say=said.append)
    rows = [make_row("griffin_lim", "Griffin-Lim", iterations=0), make_row("world", "WORLD")]

    def run():
        said.clear()
        reproduce(waveglow_table1.TABLE, bench.corpus, bench.preset, rows, options, None)
        return files.read_json(tmp_path / "results.json")["rows"]

    made = run()
    assert made["world"]["status"] == "needs pyworld"
    assert 'pip install "tfwave[vocoder]"' in said[-1]
    assert made["griffin_lim"]["status"] == "done"
    installed.add("pyworld")
    made = run()
    assert made["world"]["values"]["log_spectral_distance"]["reproduced"]["mean"] == 0
    assert [line for line in said if "done in" in line] == [said[1], said[3]]
    run()
    assert said == [
        f"[row {n} of 2] {row.label}: already done, nothing to compute"
        for n, row in enumerate(rows, 1)
    ]


def test_a_finished_row_without_its_weights_is_not_trained_again(bench, tmp_path, monkeypatch):
    said, row = [], make_row("wavenet", "WaveNet", "wavenet")
    options = Options(tmp_path, bench.options.cache_dir, say=said.append)

    def run(rows):
        reproduce(waveglow_table1.TABLE, bench.corpus, bench.preset, rows, options, None)

    run([])
    monkeypatch.setattr(provenance, "_version", lambda package: "not installed")
    result = {"scores": {}, "clips": [], "counts": ""}
    runner.read_results(tmp_path).save(row.slug, bench.row_settings(row), result)
    monkeypatch.setattr(provenance, "_version", lambda package: "1.0")
    run([row])
    assert said == ["[row 1 of 1] WaveNet: already done, nothing to compute"]
