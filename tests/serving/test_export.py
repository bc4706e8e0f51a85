"""Exported models answer without tfwave, and to the C API, as the Python model does."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.conformance.cases import BY_NAME, CASES
from tests.serving import requests_of
from tfwave.audio.mel import MelConfig, mel_spectrogram
from tfwave.serving import export, local_server, served_model
from tfwave.serving.client import GrpcClient

SLOW = [pytest.mark.slow]
NAMES = [pytest.param(s.name, marks=SLOW if s.slow else []) for s in CASES]
CODE = pathlib.Path(__file__).with_name("load_saved_model.c")
COMPILED = "wavernn_xla"  # the compiled form of the system before the underscore


class Versions(dict):
    """{name: (Exported, request to the main signature, what the Python model answers)}."""

    def __init__(self, folder):
        super().__init__()
        self._folder = folder

    def __missing__(self, name):
        case = BY_NAME[name.removesuffix("_xla")]
        model = case.stirred()
        version = export.export_model(model, self._folder / name, xla=name == COMPILED)
        request = requests_of.request(case, next(iter(version.signatures.values())))
        self[name] = version, request, np.asarray(case.answer(model, request))
        return self[name]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Systems are exported when they are first asked for."""
    return Versions(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def answers(exported, request, tmp_path_factory):
    """Folder of what one process without tfwave made of all systems that are tested."""
    scratch = tmp_path_factory.mktemp("answers")
    parameters = [item.callspec.params for item in request.session.items if "[" in item.nodeid]
    names = {p["name"] for p in parameters if "name" in p} & {*BY_NAME, COMPILED}
    jobs = []
    for name in sorted(names):
        version, asked, _ = exported[name]
        np.savez(scratch / f"{name}.npz", **asked)
        for key, function in version.signatures.items():
            np.savez(scratch / f"{name}.{key}.npz", **requests_of.example(function))
        jobs.append([name, str(version.path), list(version.signatures)])
    script = """
        import json, sys
        import numpy as np, tensorflow as tf
        sys.modules["tfwave"] = None

        def ask(function, name):
            return function(**{k: tf.constant(v) for k, v in np.load(name + ".npz").items()})

        shapes = {}
        for name, path, keys in json.loads(sys.argv[1]):
            loaded = tf.saved_model.load(path).signatures
            assert set(loaded) == {"serving_default", *keys}
            made = {k: v.numpy() for k, v in ask(loaded["serving_default"], name).items()}
            again = ask(loaded["serving_default"], name)
            assert all((made[k] == again[k].numpy()).all() for k in made), name
            np.savez(name + "_made.npz", **made)
            if "wav" in keys:
                (files,) = ask(loaded["wav"], name).values()
                for number, file in enumerate(files.numpy()):
                    open(f"{name}_{number}.wav", "wb").write(file)
            for key in keys:
                made = ask(loaded[key], f"{name}.{key}")
                shapes[f"{name}.{key}"] = {k: [v.dtype.name, *v.shape] for k, v in made.items()}
        json.dump(shapes, open("shapes.json", "w"))
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", textwrap.dedent(script), json.dumps(jobs)],
        cwd=scratch,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return scratch


@pytest.mark.parametrize("name", [*NAMES, COMPILED])
def test_a_process_without_tfwave_answers_as_the_model(name, exported, answers):
    made, wanted = dict(np.load(answers / f"{name}_made.npz")), exported[name][2]
    first = next(iter(made.values())) if "scores" not in made else made["scores"]
    assert first.dtype == np.float32 and first.shape == wanted.shape
    assert wanted.std() > 1e-3 and np.mean(np.abs(wanted) == 1.0) < 0.5, "says nothing"
    np.testing.assert_allclose(first, wanted, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_server_answers_as_the_model(name, exported):
    pytest.importorskip("tensorflow_serving")
    version, asked, wanted = exported[name]
    models = served_model.load_models([str(version.path.parent)], warm_up=True)
    main, output = next(iter(version.signatures.items()))
    output = output.interface.outputs[0].name
    with local_server.LocalServer(models) as server:
        with GrpcClient(f"127.0.0.1:{server.port}", name) as client:
            assert set(client.metadata().signatures) == {"serving_default", *version.signatures}
            np.testing.assert_allclose(client.predict(main, asked)[output], wanted, atol=1e-5)


@pytest.mark.parametrize(
    "name", [n for n in NAMES if "waveform" not in BY_NAME[n.values[0]].request]
)
def test_wav_files_hold_the_waveforms(name, exported, answers):
    about = export.read_about(exported[name][0].path)
    for number, clip in enumerate(exported[name][2]):
        samples, rate = soundfile.read(answers / f"{name}_{number}.wav", dtype="float32")
        assert rate == about["sample_rate"]
        # 32768 levels, and the rounding of 1.0 to the last one.
        np.testing.assert_allclose(samples, np.clip(clip[:, 0], -1, 1), atol=1.01 / 32768)


# The loader of the server, in C.


class InC:
    """A process that loads SavedModels through the C API."""

    def __init__(self, program, scratch):
        self._scratch, self._signatures = scratch, {}
        self._process = subprocess.Popen(
            [program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    def _say(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")

    def _answer(self):
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def load(self, path):
        """Load a version."""
        model = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
        self._signatures = model.meta_graphs[0].signature_def
        self._say("model", path)
        assert self._answer() == "ok"

    def ask(self, signature, request, output):
        """Run a signature; returns (answer, bytes of the output)."""
        ports = self._signatures[signature]
        for number, (name, value) in enumerate(request.items()):
            file = self._scratch / f"in{number}"
            value.tofile(file)
            kind = tf.as_dtype(value.dtype).as_datatype_enum
            self._say(
                "input", *ports.inputs[name].name.split(":"), kind, value.ndim, *value.shape, file
            )
        made = self._scratch / "out"
        made.unlink(missing_ok=True)
        self._say("output", *ports.outputs[output].name.split(":"), made)
        self._say("run")
        answer = self._answer()
        return answer, made.read_bytes() if made.exists() else b""

    def close(self):
        """End the process."""
        self._process.stdin.close()
        self._process.wait(60)


@pytest.fixture(scope="module")
def in_c(tmp_path_factory):
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("there is no C compiler")
    scratch, libraries = tmp_path_factory.mktemp("c"), pathlib.Path(tf.__file__).parent
    command = [
        compiler,
        CODE,
        "-o",
        scratch / "load",
        "-Wall",
        "-Werror",
        f"-I{libraries}/include",
        f"-L{libraries}",
        "-l:libtensorflow_cc.so.2",
        "-l:libtensorflow_framework.so.2",
        f"-Wl,-rpath,{libraries}",
    ]
    if shutil.which("ld.gold"):  # reads a library of a gigabyte five times faster
        command.append("-fuse-ld=gold")
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    process = InC(str(scratch / "load"), scratch)
    yield process
    process.close()


@pytest.mark.parametrize("name", [*NAMES, COMPILED])
def test_the_c_api_answers_as_the_model_and_survives_bad_requests(name, exported, in_c):
    version, request, wanted = exported[name]
    interface = next(iter(version.signatures.values())).interface
    output = interface.outputs[0].name
    in_c.load(version.path)

    def right():
        answer, made = in_c.ask("serving_default", request, output)
        assert answer == "ok"
        made = np.frombuffer(made, np.float32).reshape(wanted.shape)
        np.testing.assert_allclose(made, wanted, atol=1e-5)

    right()
    for given in interface.inputs:
        for bad in requests_of.bad_values(given):
            answer, _ = in_c.ask("serving_default", {**request, given.name: bad}, output)
            assert answer.startswith("error 3 ") and given.name in answer, (bad.shape, answer)
    right()
    if "wav" in version.signatures:
        few = {k: v[:1] if v.ndim else v for k, v in request.items()}
        if "count" in few:
            few["count"] = np.int32(1)
        answer, file = in_c.ask("wav", few, "wav_bytes")
        assert answer == "ok" and file[:4] == b"RIFF"


@pytest.mark.slow
def test_clips_must_agree(exported):
    loaded = tf.saved_model.load(str(exported["wavenet_mel"][0].path)).signatures
    request = {k: tf.constant(v) for k, v in exported["wavenet_mel"][1].items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match="speaker must be for as many clips"):
        loaded["vocode"](**{**request, "speaker": tf.constant([0, 1, 2])})
    example = requests_of.example(exported["wavenet_mel"][0].signatures["generate"])
    request = {k: tf.constant(v) for k, v in example.items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match="features must cover the samples"):
        loaded["generate"](**{**request, "samples": tf.constant(5000)})
    loaded = tf.saved_model.load(str(exported["wavernn"][0].path)).signatures
    request = {k: tf.constant(v) for k, v in exported["wavernn"][1].items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match="samples of all clips must be at"):
        loaded["generate"](**{**request, "count": tf.constant(2), "samples": tf.constant(2**20)})


# The other signatures.


@pytest.mark.parametrize("name", NAMES)
def test_every_signature_answers_its_example_as_described(name, exported, answers):
    shapes = json.loads((answers / "shapes.json").read_text())
    for key, described in export.read_about(exported[name][0].path)["signatures"].items():
        assert set(described["inputs"]) == set(np.load(answers / f"{name}.{key}.npz"))
        made = shapes[f"{name}.{key}"]
        assert set(described["outputs"]) == set(made)
        for output, (dtype, *shape) in made.items():
            assert described["outputs"][output]["dtype"] == dtype
            wanted = described["outputs"][output]["shape"]
            assert all(a in (-1, b) for a, b in zip(wanted, shape, strict=True))


def test_sample_depends_on_its_seed_alone(exported):
    loaded = tf.saved_model.load(str(exported["wavegan"][0].path)).signatures["sample"]

    def clips(count, seed):
        return loaded(count=tf.constant(count), seed=tf.constant(seed))["waveform"].numpy()

    one = clips(3, 7)
    np.testing.assert_array_equal(one, clips(3, 7))
    assert np.abs(one - clips(3, 8)).max() > 1e-3


@pytest.mark.parametrize(
    "name",
    [
        "melgan",
        *(pytest.param(n, marks=SLOW) for n in BY_NAME if n.endswith("_mel")),
        *(pytest.param(n, marks=SLOW) for n in ("waveglow", "fatchord")),
    ],
)
def test_copy_synthesis_is_vocoding_by_the_own_front_end(name, exported):
    version = exported[name][0]
    loaded = tf.saved_model.load(str(version.path)).signatures
    about = export.read_about(version.path)
    how = {k: tf.constant(v) for k, v in exported[name][1].items() if k != "mel"}
    time = 25 * about["mel"]["hop_length"] + 3
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, [2, time, 1]).astype(np.float32)
    copied = loaded["copy_synthesis"](waveform=tf.constant(noise), **how)["waveform"]
    mel = mel_spectrogram(noise[:, :, 0], MelConfig(**about["mel"]))
    spoken = loaded["vocode"](mel=mel, **how)["waveform"][:, :time]
    assert copied.shape == spoken.shape and time - about["mel"]["hop_length"] < copied.shape[1]
    np.testing.assert_allclose(copied, spoken, atol=1e-4)


@pytest.mark.parametrize("name", ["wavenet", pytest.param("wavenet_mel", marks=SLOW)])
def test_continuation_is_primed_generation(name, exported):
    model = BY_NAME[name].stirred()
    loaded = tf.saved_model.load(str(exported[name][0].path)).signatures["continuation"]
    prime = np.sin(np.arange(40) / 3.0).reshape(2, 20, 1).astype(np.float32)
    how = {"seed": 5, "temperature": 0.7}
    request = {"prime": prime, "samples": np.int32(600), **how}
    known = {}
    if name == "wavenet_mel":
        noise = np.random.default_rng(3).normal(size=[2, 110, 5]).astype(np.float32)
        known = {"features": noise, "speaker": np.int32([1, 2])}
    made = loaded(**{k: tf.constant(v) for k, v in {**request, **known}.items()})["waveform"]
    wanted = model.generate(samples=600, prime=prime[:, :, 0], xla=False, **how, **known)
    np.testing.assert_allclose(made, wanted, atol=1e-5)


# What is in a version.


def _graph(version):
    model = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    return model.meta_graphs[0].graph_def


@pytest.mark.parametrize("name", [*NAMES, COMPILED])
def test_no_python_no_custom_op_and_xla_only_where_asked_for(name, exported):
    graph = _graph(exported[name][0].path)
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    assert not {node.op for node in nodes} & {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
    functions = graph.library.function
    compiled = [f for f in functions if f.attr["_XlaMustCompile"].b]
    assert bool(compiled) == (name == COMPILED)
    assert export.read_about(exported[name][0].path)["xla"] == (name == COMPILED)


def test_only_what_is_needed_is_stored(exported):
    stored = {
        name: dict(tf.train.list_variables(str(exported[name][0].path / "variables/variables")))
        for name in ("melgan", "wavenet", "wavegan")
    }
    stored = {
        name: sorted(tuple(shape) for key, shape in found.items() if key.startswith("kept/"))
        for name, found in stored.items()
    }
    models = {name: BY_NAME[name].stirred() for name in stored}
    wanted = {
        "melgan": models["melgan"].fold_weight_norm().generator,
        "wavenet": models["wavenet"].averaged,
        "wavegan": models["wavegan"].generator,
    }
    for name, network in wanted.items():
        assert stored[name] == sorted(tuple(v.shape) for v in network.variables), name


def test_warmup_requests_are_answered(exported):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    version = exported["wavernn"][0]
    assert version.warmed
    loaded = tf.saved_model.load(str(version.path)).signatures
    file = version.path / "assets.extra" / "tf_serving_warmup_requests"
    asked = []
    for record in tf.data.TFRecordDataset(str(file)):
        request = logs.PredictionLog.FromString(record.numpy()).predict_log.request
        assert request.model_spec.name == "wavernn"
        asked.append(request.model_spec.signature_name)
        loaded[asked[-1]](**{k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()})
    assert asked == list(version.signatures)


@pytest.mark.slow
def test_says_what_it_is(exported):
    about = export.read_about(exported["wavenet_mel"][0].path)
    assert about["system"] == "WaveNet" and about["serving_default"] == "vocode"
    assert about["config"]["speakers"] == 3 and about["mel"]["hop_length"] == 6
    assert about["signatures"]["vocode"]["inputs"]["mel"]["shape"] == [-1, -1, 5]
    assert "0 to 2" in about["signatures"]["vocode"]["inputs"]["speaker"]["meaning"]
