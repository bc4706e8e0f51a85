"""Clips from a trained directory: which files, and that a clip depends on its seed and number."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from tfwave.models.wavegan.config import SpecGANConfig, WaveGANConfig
from tfwave.models.wavegan.specgan import SpecGAN
from tfwave.models.wavegan.wavegan import WaveGAN
from tfwave.training import checkpoints
from tfwave.training.load import find_training, load_model


def save_run(directory, model, seed_of_best):
    """Write what training writes: config.json, a newest checkpoint and other, best weights."""
    directory.mkdir(parents=True, exist_ok=True)
    # As a row of WaveGAN's table has them; its classifier is the fingerprint of another model.
    settings = dataclasses.asdict(model.config)
    description = {"row": "tiny", "model": settings, "classifier": "0123456789abcdef"}
    (directory / "config.json").write_text(json.dumps(description))
    checkpoints.save_newest(str(directory), model, 7, keep=2)
    best = type(model)(model.config, seed=seed_of_best)
    best.compile()
    checkpoints.save_best(str(directory), best, 5, 1.5)


@pytest.fixture(scope="module")
def generate(load_script):
    return load_script("tools/generate.py")


@pytest.fixture(scope="module")
def wavegan_run(tmp_path_factory):
    model = WaveGAN(WaveGANConfig(model_dim=1, latent_dim=5, sample_rate=8000, channels=2), seed=1)
    model.compile()
    directory = tmp_path_factory.mktemp("wavegan") / "row"
    save_run(directory / "train", model, seed_of_best=2)
    return directory


@pytest.fixture(scope="module")
def specgan_run(tmp_path_factory):
    model = SpecGAN(SpecGANConfig(model_dim=1, latent_dim=5))
    model.set_moments(np.full(129, -3.0, np.float32), np.ones(129, np.float32))
    model.compile()
    directory = tmp_path_factory.mktemp("specgan")
    save_run(directory, model, seed_of_best=2)
    return directory


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.wav")}


def test_finds_the_training_of_a_row(generate, wavegan_run):
    assert find_training(str(wavegan_run)) == str(wavegan_run / "train")
    assert find_training(str(wavegan_run / "train")) == str(wavegan_run / "train")


def test_loads_the_weights_asked_for(generate, wavegan_run, specgan_run):
    directory = str(wavegan_run / "train")
    best, description, step = load_model(directory, "best")
    latest, _, latest_step = load_model(directory, "latest")
    assert (step, latest_step) == (5, 7) and description["row"] == "tiny"
    z = best.sample_latents(2, 0)
    assert np.abs(best.generate(latents=z) - latest.generate(latents=z)).max() > 1e-3
    assert isinstance(load_model(str(specgan_run), "best")[0], SpecGAN)


def test_a_clip_does_not_depend_on_the_count(generate, wavegan_run, tmp_path):
    model = load_model(str(wavegan_run / "train"), "best")[0]
    few, many = tmp_path / "few", tmp_path / "many"
    assert generate.write_clips(model, str(few), 3, seed=4) == 3
    assert generate.write_clips(model, str(many), 21, seed=4) == 21
    few, many = contents(few), contents(many)
    assert len(few) == 3 and few.items() <= many.items()
    assert len(set(many.values())) == 21


def test_continues_where_it_was_stopped(generate, wavegan_run, tmp_path):
    model = load_model(str(wavegan_run / "train"), "best")[0]
    generate.write_clips(model, str(tmp_path), 5, seed=0)
    before = contents(tmp_path)
    (tmp_path / "seed0_000003.wav").unlink()
    kept = os.stat(tmp_path / "seed0_000002.wav").st_mtime_ns
    assert generate.write_clips(model, str(tmp_path), 5, seed=0) == 1
    assert contents(tmp_path) == before
    assert os.stat(tmp_path / "seed0_000002.wav").st_mtime_ns == kept


@pytest.mark.parametrize(("count", "shards"), [(40, 2), (50, 3), (7, 4)])
def test_shards_divide_the_clips_and_change_none(generate, wavegan_run, tmp_path, count, shards):
    model = load_model(str(wavegan_run / "train"), "best")[0]
    generate.write_clips(model, str(tmp_path / "whole"), count, seed=1)
    whole, parts = contents(tmp_path / "whole"), []
    for shard in range(shards):
        folder = tmp_path / str(shard)
        folder.mkdir()
        written = generate.write_clips(model, str(folder), count, 1, shards, shard)
        parts.append(contents(folder))
        assert written == len(parts[-1])
    assert sum(map(len, parts)) == count
    assert {name: clip for part in parts for name, clip in part.items()} == whole


def test_shards_share_a_folder_at_the_same_time(root, run_script, wavegan_run, tmp_path):
    command = [
        sys.executable,
        str(root / "tools/generate.py"),
        str(wavegan_run),
        "--count=40",
        f"--out_dir={tmp_path}",
        "--shards=2",
    ]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    runs = [subprocess.Popen([*command, f"--shard={i}"], env=environment) for i in range(2)]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    assert len(contents(tmp_path)) == 40


def test_files_have_rate_and_channels_of_the_model(generate, wavegan_run, tmp_path):
    model = load_model(str(wavegan_run / "train"), "best")[0]
    generate.write_clips(model, str(tmp_path), 1, seed=0)
    info = soundfile.info(tmp_path / "seed0_000000.wav")
    assert (info.samplerate, info.channels, info.frames) == (8000, 2, 16384)
    assert info.subtype == "PCM_16"


def test_line_starts_and_ends_at_the_clips_of_its_seeds(generate, wavegan_run, tmp_path):
    model = load_model(str(wavegan_run / "train"), "best")[0]
    assert generate.write_line(model, str(tmp_path / "line"), 3, 8, steps=4) == 5
    for seed in (3, 8):
        generate.write_clips(model, str(tmp_path / "ends"), 1, seed=seed)
    line, ends = contents(tmp_path / "line"), contents(tmp_path / "ends")

    def samples(name, of):
        folder = tmp_path / of
        return soundfile.read(folder / name, dtype="int16")[0].astype(int)

    assert sorted(line) == ["line3-8_of4.wav"] + [f"line3-8_of4_00{i}.wav" for i in range(4)]
    assert len(ends) == 2
    # A clip may sit at another place of its batch there, where sums round differently.
    for name, end in (("line3-8_of4_000", 3), ("line3-8_of4_003", 8)):
        difference = samples(f"{name}.wav", "line") - samples(f"seed{end}_000000.wav", "ends")
        assert np.abs(difference).max() <= 1
    whole = np.concatenate([samples(f"line3-8_of4_00{i}.wav", "line") for i in range(4)])
    np.testing.assert_array_equal(samples("line3-8_of4.wav", "line"), whole)


def test_latents_fill_the_cube(generate):
    draws = np.stack([generate.latent(1, i, 100) for i in range(200)])
    assert draws.dtype == np.float32 and np.abs(draws).max() <= 1
    assert abs(draws.mean()) < 0.02 and abs(draws.std() - 3**-0.5) < 0.01
    assert np.abs(np.corrcoef(draws[0], draws[1])[0, 1]) < 0.5


def test_refuses_what_is_no_run_of_a_known_model(generate, tmp_path):
    with pytest.raises(OSError, match="not the directory of a run"):
        load_model(str(tmp_path), "best")
    for content in ({"model": {"layers": 3}}, {"row": "real_test"}, []):
        (tmp_path / "config.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match="describes no model"):
            load_model(str(tmp_path), "best")


def test_command_line(run_script, wavegan_run, tmp_path):
    out = tmp_path / "clips"
    done = run_script("tools/generate.py", wavegan_run, f"--out_dir={out}", "--count=2")
    assert done.returncode == 0, done.stderr
    assert "2 files written (weights of step 5" in done.stdout
    assert len(contents(out)) == 2


@pytest.mark.slow
def test_clips_of_other_weights_do_not_mix(run_script, wavegan_run, specgan_run, tmp_path):
    arguments = (f"--out_dir={tmp_path}/clips", "--count=2")
    assert run_script("tools/generate.py", wavegan_run, *arguments).returncode == 0
    assert "0 files" in run_script("tools/generate.py", wavegan_run, *arguments).stdout
    for other in ((wavegan_run, "--which=latest"), (specgan_run,)):
        done = run_script("tools/generate.py", *other, *arguments)
        assert done.returncode == 2 and "another configuration" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--count=2", "{run}"], "out_dir"),
        (["--out_dir={tmp}/x"], "give one trained directory"),
        (["--out_dir={tmp}/x", "{tmp}"], "not the directory of a run"),
        (["--out_dir={tmp}/x", "{run}", "--count=0"], "--count"),
        (["--out_dir={tmp}/x", "{run}", "--interpolate=1"], "--interpolate"),
        (["--out_dir={tmp}/x", "{run}", "--shards=2", "--shard=2"], "--shard must be below"),
        (["--out_dir={tmp}/x", "{run}", "--which=worst"], "which"),
        (["--out_dir=/proc/x", "{run}"], "/proc/x"),
        (["--out_dir={run}/train", "{run}"], "another configuration"),
    ],
)
def test_mistakes_are_one_line(run_script, wavegan_run, tmp_path, arguments, wanted):
    arguments = [a.format(run=wavegan_run, tmp=tmp_path) for a in arguments]
    done = run_script("tools/generate.py", *arguments)
    assert done.returncode == 2
    message = [line for line in done.stderr.splitlines() if line.startswith("generate.py: error: ")]
    assert len(message) == 1 and wanted in message[0], done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_killed_runs_add_up_to_the_whole(root, run_script, wavegan_run, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run_script("tools/generate.py", wavegan_run, f"--out_dir={whole}", "--count=400")
    command = [
        sys.executable,
        root / "tools/generate.py",
        wavegan_run,
        f"--out_dir={parts}",
        "--count=400",
    ]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    for wanted in (1, 100, 200):
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        limit = time.monotonic() + 60
        while len(contents(parts)) < wanted and time.monotonic() < limit:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = run_script("tools/generate.py", wavegan_run, f"--out_dir={parts}", "--count=400")
    assert done.returncode == 0, done.stderr
    assert contents(parts) == contents(whole)
