"""The scripts of the tables of MelGAN and WaveGlow, from the command line, tiny."""

import json
from urllib.parse import urlencode

import pytest
import soundfile

TABLE2 = "paper_repro/melgan_table2.py"
ROWS = "melgan,griffin_lim_0,original"


@pytest.fixture(scope="module")
def table2(run_script, tmp_path_factory):
    """A folder with three rows of the smoke preset and the arguments that made it."""
    folder = tmp_path_factory.mktemp("melgan_table2")
    arguments = (
        TABLE2,
        "--preset=smoke",
        f"--rows={ROWS}",
        f"--out_dir={folder / 'out'}",
        f"--cache_dir={folder / 'cache'}",
        "--profile",
    )
    done = run_script(*arguments, timeout=400)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "out", arguments, done


def test_the_ablation_holds_what_was_measured(table2):
    folder, _, done = table2
    rows = json.loads((folder / "results.json").read_text())["rows"]
    melgan, griffin_lim = rows["melgan"]["values"], rows["griffin_lim_0"]["values"]
    distance = "log_spectral_distance"
    assert 3 < griffin_lim[distance]["reproduced"]["mean"] < 20
    assert melgan[distance]["reproduced"]["mean"] > griffin_lim[distance]["reproduced"]["mean"]
    assert melgan["mos"]["published"]["mean"] == 3.09 and melgan["mos"]["reproduced"] is None
    assert griffin_lim["mos"]["published"] is None
    assert rows["no_norm"]["status"] == "not run"
    assert "LSD" in done.stdout and "baseline MelGAN" in done.stdout
    assert (folder / "table.html").read_text().count("<audio") == 6


def test_tensorboard_puts_the_losses_side_by_side(table2, tensorboard):
    folder = table2[0] / "rows"
    ask = tensorboard(folder)
    assert {"scalars/D_loss", "scalars/G_loss", "scalars/G_grad_norm"} <= set(
        ask("data/plugin/scalars/tags")["melgan/train"]
    )
    charts = ask("data/plugin/custom_scalars/layout")["category"][0]["chart"]
    patterns = {chart["title"]: chart["multiline"]["tag"][0] for chart in charts}
    assert "Gradient norms" in patterns and "RMS of real and generated clips" not in patterns
    pattern = patterns["Losses of discriminator and generator"]
    query = urlencode({"run": "melgan/train", "tag": pattern})
    found = ask(f"data/plugin/custom_scalars/scalars?{query}")
    assert set(found["tag_to_events"]) == {"scalars/D_loss", "scalars/G_loss"}
    assert list((folder / "melgan/train/plugins/profile").rglob("*.xplane.pb"))


def _clips(folder, row):
    return sorted((folder / "rows" / row / "samples").glob("*.wav"))


def test_clips_are_as_long_as_the_recordings(table2):
    folder = table2[0]
    lengths = {
        row: [soundfile.info(clip).frames for clip in _clips(folder, row)]
        for row in ROWS.split(",")
    }
    assert lengths["melgan"] == lengths["original"] and len(lengths["original"]) == 2
    assert all(length % 256 == 0 for length in lengths["original"])


def test_a_finished_row_is_not_computed_again(table2, run_script):
    again = run_script(*table2[1])
    assert again.returncode == 0 and again.stdout.count("already done") == 3


def test_unknown_rows_are_named(run_script, tmp_path):
    done = run_script(TABLE2, "--rows=nothing", f"--out_dir={tmp_path}")
    assert done.returncode == 2 and "there is no row 'nothing'" in done.stderr


def test_speeds_and_sizes_stand_beside_the_papers(run_script, tmp_path):
    arguments = ("paper_repro/melgan_table1.py", "--preset=smoke", f"--out_dir={tmp_path}")
    done = run_script(*arguments, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    for row in ("wavenet", "waveglow", "melgan"):
        speed = rows[row]["values"]["cpu_khz"]["reproduced"]
        assert speed["mean"] > 0 and speed["n"] == 2
    assert rows["clarinet"]["status"] == "not built here"
    assert rows["melgan"]["values"]["params_m"]["published"]["mean"] == 4.26
    other = run_script(*arguments, "--threads=2")
    assert other.returncode == 2 and "threads is 1 there and 2 here" in other.stderr


def test_a_trained_row_copies_recordings(table2, run_script, tmp_path):
    run = table2[0] / "rows/melgan"
    recording = _clips(table2[0], "original")[0]
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "speech.wav").write_bytes(recording.read_bytes())
    (corpus / "anna").mkdir()
    (corpus / "anna/speech.wav").write_bytes(recording.read_bytes())
    (corpus / "broken.wav").write_bytes(b"RIFF not a recording")
    done = run_script("tools/copy_synthesis.py", run, corpus, f"--out_dir={tmp_path / 'out'}")
    assert done.returncode == 1 and "broken.wav" in done.stderr and "Traceback" not in done.stderr
    assert "2 recordings copied" in done.stdout and "griffin-lim: log spectral dis" in done.stdout
    frames = soundfile.info(recording).frames
    for name in ("speech.recording", "speech.vocoder", "speech.griffin_lim", "anna/speech.vocoder"):
        info = soundfile.info(tmp_path / f"out/{name}.wav")
        assert (info.frames, info.samplerate) == (frames, 22050)


def test_a_mel_spectrogram_is_taken_in_place_of_its_recording(table2, run_script, tmp_path):
    run, recording = table2[0] / "rows/melgan", _clips(table2[0], "original")[0]
    out, stem = tmp_path / "copies", recording.stem
    for front_end, folder in ((run, "own"), ("tacotron2", "other")):
        done = run_script(
            "tools/mel_spectrogram.py", front_end, recording, f"--out_dir={tmp_path / folder}"
        )
        assert done.returncode == 0 and "1 mel spectrograms written" in done.stdout, done.stderr
    for source in (recording, tmp_path / "own" / f"{stem}.npz"):
        done = run_script("tools/copy_synthesis.py", run, source, f"--out_dir={out}")
        assert done.returncode == 0, done.stderr
        made = soundfile.read(out / f"{stem}.vocoder.wav")[0]
        if source == recording:
            from_recording = made
            (out / f"{stem}.recording.wav").unlink()
    assert (made == from_recording).all() and not (out / f"{stem}.recording.wav").exists()
    other = tmp_path / "other" / f"{stem}.npz"
    done = run_script("tools/copy_synthesis.py", run, other, f"--out_dir={tmp_path / 'none'}")
    assert done.returncode == 1 and done.stderr.strip().endswith(
        "by another front end than the model's: f_max is 8000 against 11025, framing is centred "
        "against half_hop, scale is ln against log10"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("melgan",), "give a front end or a trained directory"),
        (
            ("hifigan", "speech.wav"),
            "hifigan is neither a trained directory nor one of tacotron2, mel",
        ),
        (("melgan", "none.wav"), "none.wav"),
    ],
)
def test_mistakes_about_mel_spectrograms_are_one_line(run_script, tmp_path, arguments, sentence):
    done = run_script("tools/mel_spectrogram.py", *arguments, f"--out_dir={tmp_path}")
    assert done.returncode in (1, 2) and sentence in done.stderr
    assert "Traceback" not in done.stderr and not list(tmp_path.iterdir())


def test_generate_sends_vocoders_to_their_tool(table2, run_script, tmp_path):
    run = table2[0] / "rows/melgan"
    done = run_script("tools/generate.py", run, f"--out_dir={tmp_path}")
    assert done.returncode == 2 and "use tools/copy_synthesis.py" in done.stderr


@pytest.mark.slow
def test_speeds_of_waveglow_stand_beside_the_papers(run_script, tmp_path):
    arguments = ("paper_repro/waveglow_speed.py", "--preset=smoke", f"--out_dir={tmp_path}")
    done = run_script(*arguments, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    for row in ("griffin_lim", "wavenet", "waveglow", "waveglow_256"):
        assert rows[row]["values"]["khz"]["reproduced"]["mean"] > 0
    assert rows["waveglow"]["values"]["khz"]["published"]["mean"] == 520
    assert rows["mcnn"]["status"] == "not built here"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "trained"),
    [
        ("melgan_table3", ("waveglow", "wavenet", "melgan")),
        ("melgan_table4", ("melgan",)),
        ("waveglow_table1", ("waveglow", "wavenet")),
    ],
)
def test_vocoders_are_compared(run_script, tmp_path, script, trained):
    done = run_script(
        f"paper_repro/{script}.py",
        "--preset=smoke",
        f"--out_dir={tmp_path / 'o'}",
        f"--cache_dir={tmp_path / 'cache'}",
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads((tmp_path / "o/results.json").read_text())["rows"]
    for row in trained:
        assert rows[row]["values"]["log_spectral_distance"]["reproduced"]["mean"] > 0
        assert len(_clips(tmp_path / "o", row)) == 2
    assert rows["griffin_lim"]["values"]["mos"]["published"]["mean"] > 1
