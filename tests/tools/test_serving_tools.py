"""tools/serve_saved_model.py and tools/serving_client.py, from the command line to the files."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from tfwave.audio.files import load, write_wav
from tfwave.serving.protocol import Metadata, Signature, Tensor

pytest.importorskip("tensorflow_serving")
RATE = 8000


class Voice(tf.Module):
    """Signatures with the outputs that a client writes to files."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([], tf.int32, "count"),
            tf.TensorSpec([], tf.float32, "level"),
        ]
    )
    def sample(self, count, level):
        waveform = tf.fill([count, 100, 1], level)
        return {"waveform": waveform, "sample_rate": tf.constant(RATE), "level": level}

    @tf.function(input_signature=[tf.TensorSpec([None, None, 1], tf.float32, "waveform")])
    def copy_synthesis(self, waveform):
        return {"waveform": 0.5 * waveform}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "level")])
    def wav(self, level):
        def encode(value):
            return tf.audio.encode_wav(tf.fill([50, 1], value), RATE)

        return {"wav_bytes": tf.map_fn(encode, level, fn_output_signature=tf.string)}


@pytest.fixture(scope="module")
def server(root, tmp_path_factory):
    """(address of gRPC, address of REST) of the tool, which serves Voice until the tests end."""
    voice, folder = Voice(), tmp_path_factory.mktemp("models") / "voice"
    signatures = {name: getattr(voice, name) for name in ("sample", "copy_synthesis", "wav")}
    tf.saved_model.save(voice, str(folder / "4"), signatures)
    command = [
        sys.executable,
        str(root / "tools/serve_saved_model.py"),
        str(folder),
        "--port=0",
        "--rest_port=0",
    ]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE)
    line = process.stdout.readline()
    found = re.search(r"serving voice version 4: gRPC (\S+), REST (\S+)", line)
    assert found, line
    yield found[1], found[2]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    process.stdout.close()


@pytest.fixture
def ask(run_script, server):
    """A function that runs the client's tool; it takes the tool's further arguments."""

    def ask(*arguments, rest=True):  # which starts sooner: it needs no TensorFlow
        where = f"--rest={server[1]}" if rest else f"--server={server[0]}"
        return run_script("tools/serving_client.py", where, "--model=voice", *arguments)

    return ask


@pytest.fixture(scope="module")
def client(load_script):
    return load_script("tools/serving_client.py")


@pytest.mark.parametrize("rest", [False, True])
def test_writes_wav_files(ask, tmp_path, rest):
    done = ask(
        "--signature=sample",
        "--input",
        "count=3",
        "--input=level=0.25",
        f"--out_dir={tmp_path}/clips",
        rest=rest,
    )
    assert done.returncode == 0, done.stderr
    assert "4 files written (sample of voice, version 4" in done.stdout
    names = sorted(path.name for path in (tmp_path / "clips").iterdir())
    assert names == ["level.npy"] + [f"waveform_00000{i}.wav" for i in range(3)]
    samples, rate = soundfile.read(tmp_path / "clips" / "waveform_000002.wav", dtype="int16")
    assert rate == RATE and samples.shape == (100,) and set(samples) == {int(0.25 * 32767)}
    assert np.load(tmp_path / "clips" / "level.npy") == np.float32(0.25)


def test_bytes_of_wav_files_by_rest(ask, tmp_path):
    done = ask("--signature=wav", "--input=level=[0.5, -0.5]", f"--out_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    for name, level in (("wav_000000.wav", 0.5), ("wav_000001.wav", -0.5)):
        waveform = load(tmp_path / name)
        assert waveform.shape == (50, 1)
        np.testing.assert_allclose(waveform, level, atol=1e-3)


def test_a_recording_goes_and_a_waveform_comes(ask, tmp_path):
    recording = np.linspace(-1, 1, 2 * RATE, dtype=np.float32)[:, np.newaxis]
    write_wav(tmp_path / "speech.wav", np.repeat(recording, 2, axis=1), 2 * RATE)
    done = ask(
        "--signature=copy_synthesis",
        f"--input=waveform={tmp_path}/speech.wav",
        f"--sample_rate={RATE}",
        f"--out_dir={tmp_path}",
    )
    assert done.returncode == 0, done.stderr
    copy, rate = soundfile.read(tmp_path / "waveform_000000.wav")
    assert rate == RATE and copy.shape == (RATE,)
    np.testing.assert_allclose(copy[200:-200], np.linspace(-0.5, 0.5, RATE)[200:-200], atol=2e-3)


def test_lists_signatures(ask):
    done = ask("--list")
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert text.startswith("voice, version 4\n")
    assert "\nsample\n  count: int32 []\n  level: float32 []\n  -> level: float32 []\n" in text
    assert "  -> waveform: float32 [?, 100, 1]\n" in text


@pytest.mark.parametrize(
    "arguments, wanted",
    [
        (
            ["--signature=sample", "--input=count=x", "--input=level=1", "--out_dir={tmp}"],
            "--input count: 'x' is no",
        ),
        (["--signature=wav"], "--out_dir"),
        (
            ["--signature=copy_synthesis", "--input=waveform=none.npy", "--out_dir={tmp}"],
            "--sample_rate",
        ),
        (["--signature=nothing", "--out_dir={tmp}"], "there is no 'nothing'"),
        (["--version=9", "--list"], "does not have the model voice, version 9"),
    ],
)
def test_mistakes_are_one_line(ask, tmp_path, arguments, wanted):
    done = ask(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert done.returncode == 2, done.stdout
    lines = [x for x in done.stderr.splitlines() if x.startswith("serving_client.py: error: ")]
    assert len(lines) == 1 and wanted in lines[0], done.stderr
    assert "Traceback" not in done.stderr


def test_no_server_is_one_line(run_script):
    done = run_script(
        "tools/serving_client.py",
        "--rest=http://localhost:1",
        "--model=voice",
        "--wait=0",
        "--list",
    )
    assert done.returncode == 2
    assert "error: no server answers at http://localhost:1" in done.stderr


def test_a_folder_without_versions_is_one_line(run_script, tmp_path):
    done = run_script("tools/serve_saved_model.py", tmp_path)
    assert done.returncode == 2
    assert "serve_saved_model.py: error: " in done.stderr
    assert "there is no version in it" in done.stderr


def test_values_of_inputs(client, tmp_path):
    def read(text, dtype, shape):
        return client.read_input("x", text, Tensor(dtype, shape), None)

    assert read("3", "int32", ()).dtype == np.int32
    assert read("0.9", "float32", (None,)).tolist() == [np.float32(0.9)]
    assert read("[[1, 2]]", "float32", (None, 2)).shape == (1, 2)
    assert read("[1, 2]", "float32", (None, 2)).shape == (1, 2)
    assert read("word", "string", (None,)).tolist() == [b"word"]
    assert read('["a", "b"]', "string", (None,)).tolist() == [b"a", b"b"]
    assert read("7", "string", ()).item() == b"7"
    np.save(tmp_path / "z.npy", np.ones([3, 5]))
    assert read(f"{tmp_path}/z.npy", "float32", (None, 5)).dtype == np.float32
    write_wav(tmp_path / "a.wav", np.zeros(80), RATE)
    assert read(f"{tmp_path}/a.wav", "float32", (None,)).shape == (80,)
    assert read(f"{tmp_path}/a.wav", "float32", (None, None)).shape == (1, 80)
    assert read(f"{tmp_path}/a.wav", "float32", (None, None, 2)).shape == (1, 80, 2)
    (tmp_path / "bad.npy").write_bytes(b"nothing")
    for text, dtype, shape, wanted in (
        (f"{tmp_path}/z.npy", "float32", (None, 6), r"holds \[3, 5\]; the model takes"),
        (f"{tmp_path}/z.npy", "int32", (None, 5), "holds no array of int32"),
        (f"{tmp_path}/bad.npy", "float32", (None,), "is no array of numbers"),
        (f"{tmp_path}/a.wav", "float32", (None, None, 80), "is a recording; the model takes"),
        (f"{tmp_path}/a.wav", "int32", (None,), "is a recording; the model takes"),
        ("1.5", "int32", (), "not int32 values"),
        ("[1, 2", "float32", (None,), "is no number, list"),
    ):
        with pytest.raises(ValueError, match=f"--input x.*{wanted}"):
            read(text, dtype, shape)
    with pytest.raises(OSError, match="absent"):
        read("absent.npy", "float32", ())


def test_names_of_inputs(client):
    wanted = {"count": Tensor("int32", ()), "seed": Tensor("int32", ())}
    found = client.read_inputs(["count=1", "seed=2"], wanted, None)
    assert {name: array.item() for name, array in found.items()} == {"count": 1, "seed": 2}
    for given, sentence in (
        (["count"], "must be NAME=VALUE"),
        (["count=1"], r"seed is missing; the signature takes: count \(int32 \[\]\), seed"),
        (["counts=1"], "there is no input 'counts'"),
        (["count=1", "count=2"], "count is given twice"),
    ):
        with pytest.raises(ValueError, match=sentence):
            client.read_inputs(given, wanted, None)


def test_files_of_outputs(client, tmp_path):
    outputs = {
        "waveform": np.zeros([30], np.float32),
        "mel": np.ones([1, 2, 3], np.float32),
        "raw_bytes": np.array([b"a\x00"], object),
        "sample_rate": np.array(RATE),
    }
    assert client.write_outputs(outputs, str(tmp_path), RATE) == 3
    assert soundfile.info(tmp_path / "waveform_000000.wav").frames == 30
    assert (tmp_path / "raw_bytes_000000.bin").read_bytes() == b"a\x00"
    assert np.load(tmp_path / "mel.npy").shape == (1, 2, 3)
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(ValueError, match="not finite"):
        client.write_outputs({"waveform": np.full([2, 9], np.nan)}, str(tmp_path / "no"), RATE)
    assert not (tmp_path / "no").exists()


def test_text_of_signatures(client):
    signature = Signature({"latents": Tensor("float32", (None, 3))}, {"x": Tensor("string", None)})
    text = client.describe("m", Metadata(2, {"generate": signature}))
    assert text == (
        "m, version 2\n\ngenerate\n  latents: float32 [?, 3]\n  -> x: string of any shape"
    )
