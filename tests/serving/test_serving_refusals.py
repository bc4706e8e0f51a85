"""Requests that are wrong: each gets a status that says what is, and none ends the server."""

import contextlib
import json
import math
import random
import socket

import numpy as np
import pytest
import requests
import tensorflow as tf

from tfwave.serving import protocol
from tfwave.serving.client import GrpcClient, ServingError
from tfwave.serving.rest_client import RestClient

PREDICT = "/tensorflow.serving.PredictionService/Predict"
GOOD = np.zeros([2, 5], np.float32)
# Of what a request may be guilty. TensorFlow Serving answers INTERNAL to bytes that are no message.
MISTAKES = {
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "FAILED_PRECONDITION",
    "UNIMPLEMENTED",
    "RESOURCE_EXHAUSTED",
}


@pytest.fixture
def still_serves(server):
    """Fails unless the server answers a good request after the test."""
    yield
    assert server.process.poll() is None
    with GrpcClient(server.grpc, "sounds") as client:
        made = client.predict("generate", {"latents": GOOD})["waveform"]
        assert made.shape == (2, 64, 1)
    with RestClient(server.rest, "sounds") as client:
        np.testing.assert_array_equal(
            client.predict("generate", {"latents": GOOD})["waveform"], made
        )


@pytest.mark.parametrize(
    "signature, inputs, name",
    [
        ("generate", {"latents": np.zeros([2, 6], np.float32)}, "latents"),
        ("generate", {"latents": np.zeros([5], np.float32)}, "latents"),
        ("generate", {"latents": np.array([["a"] * 5], object)}, "latents"),
        ("generate", {"latents": np.full([1, 5], np.nan, np.float32)}, "latents"),
        ("generate", {"latents": np.full([1, 5], np.inf, np.float32)}, "latents"),
        ("generate", {}, "latents"),
        ("generate", {"latents": GOOD, "label": GOOD}, "label"),
        ("generate", {"latent": GOOD}, "latents"),
        ("sample", {"count": 0, "seed": 0}, "count"),
        ("sample", {"count": 2**31 - 1, "seed": 0}, "count"),
        ("sample", {"count": 1.5, "seed": 0}, "count"),
        ("sample", {"count": [1, 2], "seed": 0}, "count"),
        ("sample", {"count": 1}, "seed"),
        ("copy_synthesis", {"waveform": np.zeros([1, 9, 2], np.float32)}, "waveform"),
        ("copy_synthesis", {"waveform": np.zeros([1, 9, 1], np.int32)}, "waveform"),
        ("speak", {"text": [1, 2], "shout": [True], "number": np.ones(1, np.int64)}, "text"),
        ("speak", {"text": ["a"], "shout": [1], "number": np.ones(1, np.int64)}, "shout"),
    ],
)
def test_wrong_inputs(server, connect, still_serves, signature, inputs, name):
    client = connect(server)
    rest = isinstance(client, RestClient)
    if rest and signature == "copy_synthesis" and inputs["waveform"].dtype == np.int32:
        pytest.skip("the numbers of JSON are of any type")
    with pytest.raises(ServingError) as error:
        client.predict(signature, inputs)
    assert error.value.code == "INVALID_ARGUMENT"
    if server.names_inputs:
        assert name in str(error.value), error.value


def request_of(spec, **inputs):
    """A PredictRequest: (model, version, signature), and {name: TensorProto or array}."""
    request = protocol.messages().predict_pb2.PredictRequest()
    name, version, request.model_spec.signature_name = spec
    request.model_spec.name = name
    if version is not None:
        request.model_spec.version.value = version
    for key, value in inputs.items():
        if not hasattr(value, "SerializeToString"):
            value = tf.make_tensor_proto(value)
        request.inputs[key].CopyFrom(value)
    return request


def wrong_request(draw):
    """(path of the method, bytes) of a request by gRPC that nobody should answer well.

    Args:
      draw: random.Random.
    """
    spec = ("sounds", None, "generate")
    kind = draw.choice(
        (
            "noise",
            "cut",
            "name",
            "extra",
            "dtype",
            "shape",
            "content",
            "lie",
            "nan",
            "spec",
            "filter",
            "method",
        )
    )
    good = request_of(spec, latents=GOOD)
    word = "".join(draw.choices("abcdefgh_ä/:{}", k=draw.randint(1, 12)))
    if kind == "noise":
        # Never the bytes of a message: 7 is no wire type.
        return PREDICT, bytes([draw.choice((7, 15, 0xFF))]) + draw.randbytes(draw.randint(0, 200))
    if kind == "cut":
        data = good.SerializeToString(deterministic=True)
        return PREDICT, data[: draw.randint(0, len(data) - 1)]
    if kind == "method":
        method = draw.choice(("Classify", "Regress", "MultiInference", "Nope"))
        return f"/tensorflow.serving.PredictionService/{method}", good.SerializeToString()
    if kind == "name":
        good = request_of(spec, **{word: GOOD})
    elif kind == "extra":
        good = request_of(spec, **{"latents": GOOD, word: GOOD})
    elif kind == "dtype":
        other = draw.choice((np.int32, np.float64, np.bool_, np.int64, np.complex64, np.float16))
        good = request_of(spec, latents=GOOD.astype(other))
    elif kind == "shape":
        shape = [draw.randint(0, 6) for _ in range(draw.randint(0, 5))]
        shape = [4] if len(shape) == 2 and shape[1] == 5 else shape
        good = request_of(spec, latents=np.zeros(shape, np.float32))
    elif kind == "content":
        good.inputs["latents"].tensor_content = draw.randbytes(draw.randint(1, 39))
    elif kind == "lie":
        proto = good.inputs["latents"]
        proto.dtype = draw.choice((0, 1, 20, 21, 77, 101, 10**6))
        proto.tensor_shape.dim[draw.randint(0, 1)].size = draw.choice((-1, -7, 10**9, 2**62))
        proto.ClearField("tensor_content")
        proto.float_val.append(1.0)
    elif kind == "nan":
        values = GOOD.copy()
        values[draw.randint(0, 1), draw.randint(0, 4)] = draw.choice((math.nan, math.inf))
        good = request_of(spec, latents=values)
    elif kind == "spec":
        spec = draw.choice(
            (
                (word, None, "generate"),
                ("", None, "generate"),
                ("sounds", draw.randint(3, 2**40), "generate"),
                ("sounds", None, word),
            )
        )
        good = request_of(spec, latents=GOOD)
    elif kind == "filter":
        good.output_filter.append(word)
    return PREDICT, good.SerializeToString()


def test_600_wrong_requests_by_grpc(server, still_serves):
    grpc, draw, seen = protocol.messages().grpc, random.Random(0), {}
    with grpc.insecure_channel(server.grpc) as channel:
        for _ in range(600):
            method, data = wrong_request(draw)
            with pytest.raises(grpc.RpcError) as error:
                channel.unary_unary(method)(data, timeout=30)
            code, text = error.value.code().name, error.value.details()
            assert code in (MISTAKES if server.names_inputs else {*MISTAKES, "INTERNAL"}), text
            assert text.strip()
            seen.setdefault(code, []).append(text)
    assert len(seen["INVALID_ARGUMENT"]) > 300
    assert {"NOT_FOUND", "UNIMPLEMENTED"} <= set(seen)
    if server.names_inputs:
        assert sum('input "latents"' in text for text in seen["INVALID_ARGUMENT"]) > 100


PATHS = (
    "/",
    "/v1/models/nobody:predict",
    "/v1/models/sounds/versions/9:predict",
    "/v2",
    "/v1/models/sounds/versions/x:predict",
    "/v1/models/sounds:classify",
    "/v1/models/sounds",
    "/v1/models/../sounds:predict",
    "/v1/models/%00:predict",
)
VALUES = (
    None,
    True,
    "x",
    {},
    [],
    3,
    [[1, 2]],
    [0.5],
    [[1, 2, 3, 4, "5"]],
    [[1, 2, 3, 4, 5], [1]],
    {"b64": "AAAA"},
    [[True] * 5],
    [[None] * 5],
)


def wrong_body(draw):
    """(path, bytes) of a request by REST that nobody should answer well."""
    path = "/v1/models/sounds:predict"
    good = {"signature_name": "generate", "inputs": {"latents": GOOD.tolist()}}
    kind = draw.choice(("noise", "cut", "value", "key", "path", "deep", "number"))
    if kind == "noise":
        return path, draw.randbytes(draw.randint(0, 300))
    if kind == "cut":
        data = json.dumps(good)
        return path, data[: draw.randint(0, len(data) - 1)].encode()
    if kind == "path":
        return draw.choice(PATHS), json.dumps(good).encode()
    if kind == "value":
        value = draw.choice(VALUES)
        good["inputs"] = draw.choice((value, {"latents": value}, {"latents": value, "more": 1}))
    elif kind == "key":
        choice = draw.randint(0, 5)
        good = draw.choice(([], 7, "x", None, good["inputs"])) if choice == 0 else good
        if choice == 1:
            good["signature_name"] = draw.choice((7, None, "nothing", ["generate"], "ä" * 99))
        elif choice == 2:
            good["instances"] = [[0, 0, 0, 0, 0]]
        elif choice == 3:
            good = {"instances": draw.choice(([], 3, {}, [1, 2], [{"latents": [0] * 5}, {}]))}
        elif choice > 3:
            good["inputs"] = {draw.choice(("Latents", "", "latents ")): GOOD.tolist()}
    elif kind == "deep":
        return path, b'{"inputs": ' + b"[" * draw.choice((40, 900, 100_000))
    elif kind == "number":
        number = draw.choice(("1e999", "NaN", "-Infinity", "1" * 5000, "1e39", "0x10", "1e-"))
        text = json.dumps(good).replace("0.0", number, 1)
        return path, text.encode()
    return path, json.dumps(good).encode()


def test_350_wrong_requests_by_rest(server, still_serves):
    draw, seen = random.Random(1), {}
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(350):
            path, body = wrong_body(draw)
            reply = session.post(server.rest + path, data=body, timeout=30)
            assert reply.status_code in (400, 404), (path, body[:300], reply.text)
            seen.setdefault(reply.status_code, []).append(reply.json()["error"])
            assert seen[reply.status_code][-1]
    assert len(seen[400]) > 200 and len(seen[404]) > 5
    if server.names_inputs:
        assert sum("latents" in text for text in seen[400]) > 50


def spoken(port, data):
    """What a server answers to bytes after which nothing comes."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(2**16):
            answer += part
    return answer


def test_50_requests_that_are_no_http(server, still_serves):
    draw, path = random.Random(2), b" /v1/models/sounds:predict HTTP/1.1\r\n"
    for number in range(50):
        kind = number % 5
        if kind == 0:
            data = b"\x16\x03" + draw.randbytes(draw.randint(1, 200)) + b"\r\n\r\n"
        elif kind == 1:
            data = draw.choice((b"PUT", b"DELETE", b"BREW")) + path + b"\r\n"
        elif kind == 2:
            length = draw.choice((b"-1", b"x", b"1e3", b"9" * 40))
            data = b"POST" + path + b"Content-Length: " + length + b"\r\n\r\n{}"
        elif kind == 3:
            data = b"POST" + path + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
        else:
            data = b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n"
        answer = spoken(server.rest_port, data)
        if server.names_inputs:
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.split()[1] in (b"400", b"411", b"414", b"501", b"505"), (data, head)
            assert json.loads(body)["error"]
        with contextlib.suppress(OSError):
            spoken(server.port, data)  # gRPC ends the connection


def test_requests_beyond_the_limit(server, still_serves):
    if not server.names_inputs:
        pytest.skip("TensorFlow Serving has no limit of its own")
    clips = np.zeros([1, 4_500_000, 1], np.float32)  # 17 MiB
    with GrpcClient(server.grpc, "sounds") as client:
        with pytest.raises(ServingError, match="larger than .* takes") as error:
            client.predict("copy_synthesis", {"waveform": clips})
    assert error.value.code == "RESOURCE_EXHAUSTED"
    with requests.Session() as session:
        session.trust_env = False
        url = f"{server.rest}/v1/models/sounds:predict"
        reply = session.post(url, data=b" " * clips.nbytes, timeout=30)
    assert reply.status_code == 413 and "larger than 16777216" in reply.json()["error"]
