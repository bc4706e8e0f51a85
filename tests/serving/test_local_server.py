"""The local server: its REST API as TensorFlow Serving documents it, versions, warming up."""

import base64
import json
import shutil
import socket

import numpy as np
import pytest
import requests
import tensorflow as tf

from tests.serving import sounding_models
from tfwave.serving import local_rest, local_server, protocol, served_model
from tfwave.serving.served_model import Refusal, ServedModel

pytest.importorskip("tensorflow_serving")


@pytest.fixture(scope="module")
def sounds(models):
    return ServedModel(models / "sounds")


@pytest.fixture(scope="module")
def ask(server):
    """A function that sends a request by REST: method, path and JSON."""
    with requests.Session() as session:
        session.trust_env = False

        def ask(method, path, content=None):
            reply = session.request(method, server.rest + path, json=content, timeout=60)
            return reply.status_code, reply.json()

        yield ask


def test_status_and_metadata_of_a_model(ask):
    status, reply = ask("GET", "/v1/models/sounds")
    assert status == 200
    assert reply["model_version_status"] == [
        {"version": "2", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]
    assert ask("GET", "/v1/models/sounds/versions/2") == (status, reply)
    status, reply = ask("GET", "/v1/models/sounds/metadata")
    assert status == 200
    assert (reply["model_spec"]["name"], reply["model_spec"]["version"]) == ("sounds", "2")
    signature = reply["metadata"]["signature_def"]["signature_def"]["generate"]
    latents = signature["inputs"]["latents"]
    assert latents["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in latents["tensor_shape"]["dim"]] == ["-1", "5"]
    assert signature["method_name"] == "tensorflow/serving/predict"


def test_columns_and_rows(ask):
    path = "/v1/models/sounds/versions/2:predict"
    waveform = [[[0.5], [1.0]], [[-1.0], [0.0]]]
    half = [[[0.25], [0.5]], [[-0.5], [0.0]]]
    name = {"signature_name": "copy_synthesis"}
    for inputs in (waveform, {"waveform": waveform}):
        assert ask("POST", path, {**name, "inputs": inputs}) == (200, {"outputs": half})
    for rows in (waveform, [{"waveform": clip} for clip in waveform]):
        assert ask("POST", path, {**name, "instances": rows}) == (200, {"predictions": half})
    status, reply = ask("POST", path, {"instances": [[0.0] * 5]})  # the default signature
    assert status == 200 and np.shape(reply["predictions"]) == (1, 64, 1)


def test_several_outputs_have_names_and_bytes_are_base64(ask):
    row = {"text": "ä", "shout": False, "number": 1}
    raw = {"b64": base64.b64encode("ä".encode() + b"\x00\xff").decode()}
    content = {"signature_name": "speak", "instances": [row, {**row, "shout": True, "number": 4}]}
    status, reply = ask("POST", "/v1/models/sounds:predict", content)
    assert status == 200
    assert reply == {
        "predictions": [
            {"spoken": "ä", "raw_bytes": raw, "number": 2},
            {"spoken": "ä", "raw_bytes": raw, "number": 5},
        ]
    }
    encoded = {"b64": base64.b64encode(b"ab").decode()}
    inputs = {"text": [encoded, "c"], "shout": [True, True], "number": [0, -1]}
    content = {"signature_name": "speak", "inputs": inputs}
    status, reply = ask("POST", "/v1/models/sounds:predict", content)
    assert status == 200 and reply["outputs"]["spoken"] == ["AB", "C"]
    assert reply["outputs"]["number"] == [1, 0]


def test_outputs_without_rows_cannot_come_in_rows(ask):
    content = {"signature_name": "sample", "instances": [{"count": 1, "seed": 1}]}
    status, reply = ask("POST", "/v1/models/sounds:predict", content)
    assert status == 400 and reply["error"]


def test_only_some_outputs(server):
    messages = protocol.messages()
    request = messages.predict_pb2.PredictRequest(output_filter=["number"])
    request.model_spec.name, request.model_spec.signature_name = "sounds", "speak"
    for name, value in (("text", ["a"]), ("shout", [True]), ("number", np.array([1], np.int64))):
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    with messages.grpc.insecure_channel(server.grpc) as channel:
        reply = messages.PredictionServiceStub(channel).Predict(request, timeout=60)
    assert list(reply.outputs) == ["number"]
    assert (reply.model_spec.name, reply.model_spec.version.value) == ("sounds", 2)


def test_json_and_arrays():
    read = protocol.from_json
    assert read([[1, 2.5]], "float32", "x").dtype == np.float32
    assert read([], "int32", "x").shape == (0,)
    assert np.isnan(read(float("nan"), "float32", "x"))
    assert read([2**62], "int64", "x").tolist() == [2**62]
    assert read(["a", {"b64": "AA=="}], "string", "x").tolist() == [b"a", b"\x00"]
    for value, dtype in (
        (np.arange(6.0).reshape([2, 3]), "float64"),
        (np.array([b"a\x00", b""], object), "string"),
        (np.array(True), "bool"),
        (np.array([-1, 5], np.int8), "int8"),
    ):
        again = read(json.loads(json.dumps(protocol.to_json(value))), dtype, "x")
        assert again.dtype == value.dtype and again.tolist() == value.tolist()
    assert protocol.to_json([b"a\x00", b""]) == [{"b64": "YQA="}, {"b64": ""}]
    for value, dtype in (
        ([[1], [1, 2]], "float32"),
        (1.5, "int32"),
        (2**31, "int32"),
        (-1, "uint8"),
        (1e39, "float32"),
        ("1", "float32"),
        (True, "float32"),
        (1, "bool"),
        (None, "float32"),
        (1, "string"),
        ({"b64": "!"}, "string"),
        ({"b64": "AAAA", "x": 1}, "string"),
        ([["a"], ["b", "c"]], "string"),
        (10**400, "float32"),
    ):
        with pytest.raises(ValueError, match='"x"'):
            read(value, dtype, "x")


def test_which_shapes_fit():
    tensor = protocol.Tensor("float32", (None, 3))
    assert str(tensor) == "float32 [?, 3]"
    assert tensor.fits((0, 3)) and tensor.fits((7, 3))
    assert not tensor.fits((3,)) and not tensor.fits((3, 4)) and not tensor.fits((1, 3, 1))
    assert protocol.Tensor("int32", None).fits((1, 2)) and protocol.Tensor("int32", ()).fits(())


def test_a_small_message_cannot_ask_for_much_memory(sounds):
    proto = tf.make_tensor_proto(np.zeros([1, 1, 1], np.float32))
    proto.tensor_shape.dim[1].size = 10**12
    with pytest.raises(Refusal, match='input "waveform" .* larger than 1000 bytes'):
        sounds.read("copy_synthesis", {"waveform": proto}, 1000)
    with pytest.raises(Refusal) as refusal:
        local_rest.read_request(sounds, b"[" * 100_000)
    assert refusal.value.code == "INVALID_ARGUMENT"


def test_the_newest_version_by_number(tmp_path):
    for name in ("2", "10", "9x", "11"):
        (tmp_path / name).mkdir()
    for name in ("2", "10", "9x"):
        (tmp_path / name / "saved_model.pb").write_bytes(b"")
    assert served_model.newest_version(tmp_path).name == "10"
    shutil.rmtree(tmp_path / "10")
    shutil.rmtree(tmp_path / "2")
    with pytest.raises(ValueError, match="there is no version in it"):
        served_model.newest_version(tmp_path)
    with pytest.raises(OSError):
        served_model.newest_version(tmp_path / "nowhere")


def test_damaged_models(tmp_path, models):
    good, bad = models / "sounds" / "2", tmp_path / "sounds" / "2"
    shutil.copytree(good, bad)
    whole = (bad / "saved_model.pb").read_bytes()
    for data in (b"", b"\xff" * 100, whole[: len(whole) // 2]):
        (bad / "saved_model.pb").write_bytes(data)
        with pytest.raises(ValueError, match="cannot be loaded as a SavedModel"):
            ServedModel(tmp_path / "sounds")
    (bad / "saved_model.pb").write_bytes(whole)
    for path in (bad / "variables").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="cannot be loaded as a SavedModel"):
        ServedModel(tmp_path / "sounds")


def test_two_models_of_one_name(models, tmp_path):
    shutil.copytree(models / "sounds" / "2", tmp_path / "sounds" / "2")
    with pytest.raises(ValueError, match="another model of the name sounds"):
        served_model.load_models([models / "sounds", tmp_path / "sounds"])


def write_warm_up(folder, *logs):
    path = folder / served_model.WARMUP
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log if isinstance(log, bytes) else log.SerializeToString())


def warm_up_log(**inputs):
    log = protocol.messages().prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = "sounds", "generate"
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return log


def test_warming_up(models, tmp_path, monkeypatch):
    folder = tmp_path / "sounds" / "2"
    shutil.copytree(models / "sounds" / "2", folder)
    good = warm_up_log(latents=np.zeros([2, 5], np.float32))
    write_warm_up(folder, good, good)
    ran, run = [], ServedModel.run

    def count(self, signature, arrays):
        ran.append((signature, arrays["latents"].shape))
        return run(self, signature, arrays)

    monkeypatch.setattr(ServedModel, "run", count)
    ServedModel(tmp_path / "sounds")
    assert ran == 2 * [("generate", (2, 5))]
    ServedModel(tmp_path / "sounds", warm_up=False)
    assert len(ran) == 2
    for logs, words in (
        ([warm_up_log(latents=np.zeros([2, 6], np.float32))], 'input "latents"'),
        ([warm_up_log(latents=np.full([2, 5], np.nan, np.float32))], "must be finite"),
        ([b"\xff"], "warming up failed"),
        ([type(good)()], "none of Predict"),
    ):
        write_warm_up(folder, *logs)
        with pytest.raises(ValueError, match=words):
            ServedModel(tmp_path / "sounds")
    (folder / served_model.WARMUP).write_bytes(b"no records" * 9)
    with pytest.raises(ValueError, match="warming up failed"):
        ServedModel(tmp_path / "sounds")


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for ports in ((port, 0), (0, port)):
            with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 is taken"):
                local_server.LocalServer({}, *ports)


def test_the_models_answer_without_a_server(sounds):
    made = sounds.run("generate", {"latents": np.zeros([1, 5], np.float32)})
    assert made["waveform"].shape == (1, 64, 1)
    with pytest.raises(Refusal, match="must be finite"):
        sounds.run("generate", {"latents": np.full([1, 5], np.nan, np.float32)})
    assert sounds.version == 2 and set(sounds.signatures) > set(sounding_models.NAMES)
