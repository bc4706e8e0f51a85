"""Both clients against a server in another process: answers, sizes, failures, repetitions."""

import concurrent.futures
import pickle
import socket
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.serving import sounding_models
from tfwave.serving import client as serving
from tfwave.serving import protocol
from tfwave.serving.client import GrpcClient, ServingError
from tfwave.serving.rest_client import RestClient


def latents(count, seed=0):
    draws = np.random.default_rng(seed).uniform(-1, 1, [count, sounding_models.LATENT_DIM])
    return draws.astype(np.float32)


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return bound.getsockname()[1]


def test_answers_what_the_model_does(server, connect):
    model = sounding_models.Sounds()
    with connect(server) as client:
        made = client.predict("generate", {"latents": latents(3)})
        assert list(made) == ["waveform"] and made["waveform"].dtype == np.float32
        np.testing.assert_allclose(
            made["waveform"], model.generate(latents(3))["waveform"], atol=1e-6
        )
        default = client.predict("serving_default", {"latents": latents(3)})
        np.testing.assert_array_equal(default["waveform"], made["waveform"])
        made = client.predict("sample", {"count": 2, "seed": 7})
        wanted = model.sample(2, 7)
        assert made["sample_rate"] == 8000 and made["sample_rate"].dtype == np.int32
        np.testing.assert_allclose(made["waveform"], wanted["waveform"], atol=1e-6)
        copied = client.predict("copy_synthesis", {"waveform": [[[0.5], [-1.0]]]})["waveform"]
        np.testing.assert_array_equal(copied, [[[0.25], [-0.5]]])


def test_answers_what_a_wavegan_does(server, connect):
    model = sounding_models.wavegan()
    made = connect(server, "wavegan", version=1).predict("generate", {"latents": latents(2)})
    np.testing.assert_allclose(made["waveform"], model.generate(latents=latents(2)), atol=1e-5)


def test_bytes_text_and_truth_values(server, connect):
    client = connect(server)
    wavs = client.predict("wav", {"latents": latents(2)})["wav_bytes"]
    model = sounding_models.Sounds()
    wanted = model.wav(latents(2))["wav_bytes"].numpy()
    assert wavs.tolist() == wanted.tolist()
    made = client.predict(
        "speak",
        {"text": ["a", "bä"], "shout": [True, False], "number": np.array([1, 2**40], np.int64)},
    )
    assert made["spoken"].tolist() == [b"A", "bä".encode()]
    assert made["raw_bytes"].tolist() == [b"a\x00\xff", "bä".encode() + b"\x00\xff"]
    assert made["number"].tolist() == [2, 2**40 + 1] and made["number"].dtype == np.int64


def test_metadata(server, connect):
    found = connect(server).metadata()
    assert found.version == 2
    assert set(found.signatures) == {*sounding_models.NAMES, "serving_default"}
    assert found.signatures["sample"] == protocol.Signature(
        {"count": protocol.Tensor("int32", ()), "seed": protocol.Tensor("int32", ())},
        {
            "waveform": protocol.Tensor("float32", (None, 64, 1)),
            "sample_rate": protocol.Tensor("int32", ()),
        },
    )
    assert found.signatures["speak"].inputs["text"] == protocol.Tensor("string", (None,))
    wavegan = connect(server, "wavegan").metadata()
    assert wavegan.version == 1 and set(wavegan.signatures) == {"generate", "sample", "wav"}


def test_a_large_reply(server, connect):
    client = connect(server)
    samples = 2_000_000 if isinstance(client, GrpcClient) else 1_200_000
    made = client.predict("ramp", {"samples": samples})["waveform"]
    assert made.nbytes > 4 * protocol.MEBIBYTE  # gRPC's own limit
    np.testing.assert_array_equal(made[0, :, 0], np.arange(samples) % 1000)


def test_a_large_request(server):
    waveform = np.linspace(-1, 1, 2_000_000, dtype=np.float32).reshape([2, -1, 1])
    with GrpcClient(server.grpc, "sounds") as client:
        made = client.predict("copy_synthesis", {"waveform": waveform})["waveform"]
    np.testing.assert_array_equal(made, 0.5 * waveform)


def test_messages_beyond_the_clients_limit(server, connect):
    client = connect(server, max_message_bytes=100_000)
    client.metadata()
    with pytest.raises(ServingError, match="reply .* max_message_bytes = 100000; ask for") as error:
        client.predict("ramp", {"samples": 200_000})
    assert error.value.code == "RESOURCE_EXHAUSTED"
    with pytest.raises(ServingError, match="request is larger than max_message_bytes") as error:
        client.predict("copy_synthesis", {"waveform": np.zeros([1, 200_000, 1], np.float32)})
    assert error.value.code == "RESOURCE_EXHAUSTED"
    assert client.predict("ramp", {"samples": 10})["waveform"].shape == (1, 10, 1)


def test_many_at_once(server, connect):
    model = sounding_models.Sounds()
    connect(server).metadata()

    def ask(number):
        with connect(server) as client:
            return [
                client.predict("generate", {"latents": latents(2, number * 10 + i)})
                for i in range(4)
            ]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    for number, each in enumerate(answers):
        for i, made in enumerate(each):
            wanted = model.generate(latents(2, number * 10 + i))["waveform"]
            np.testing.assert_allclose(made["waveform"], wanted, atol=1e-6)


def test_a_grpc_client_may_be_shared_by_threads(server):
    with GrpcClient(server.grpc, "sounds") as client:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda n: client.predict("ramp", {"samples": n}), range(1, 65)))
    assert [each["waveform"].shape[1] for each in made] == list(range(1, 65))


def test_a_slow_request_does_not_hold_up_others(server, connect):
    slow, fast = connect(server), connect(server)
    slow.metadata()
    fast.predict("generate", {"latents": latents(1)})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for thousands in (5, 20, 80):  # as many as this machine needs to be slow
            answer = pool.submit(slow.predict, "slow", {"thousands": thousands})
            time.sleep(0.1)
            fast.predict("generate", {"latents": latents(1)})
            overtaken = not answer.done()
            assert answer.result()["waveform"].shape == (1, 1, 1)
            if overtaken:
                return
    pytest.fail("every fast request waited for the slow one")


def test_no_answer_in_time(server, connect):
    client = connect(server, timeout=0.3)
    client.metadata()
    start = time.monotonic()
    with pytest.raises(ServingError, match="gave no answer within 0.3 s") as error:
        client.predict("slow", {"thousands": 5})
    assert error.value.code == "DEADLINE_EXCEEDED"
    assert time.monotonic() - start < 2
    assert connect(server).predict("ramp", {"samples": 1})["waveform"].shape == (1, 1, 1)


@pytest.mark.parametrize(
    "model, version, which", [("nobody", None, "nobody"), ("sounds", 7, "sounds, version 7")]
)
def test_unknown_model(server, connect, model, version, which):
    client = connect(server, model, version=version)
    for ask in (client.metadata, lambda: client.predict("ramp", {"samples": 1})):
        with pytest.raises(ServingError, match=f"does not have the model {which} ") as error:
            ask()
        assert error.value.code == "NOT_FOUND"


def test_unknown_signature(server, connect):
    with pytest.raises(ServingError, match="nothing") as error:
        connect(server).predict("nothing", {})
    assert error.value.code in ("FAILED_PRECONDITION", "INVALID_ARGUMENT")


def test_what_is_no_array(server):
    with GrpcClient(server.grpc, "sounds") as client:
        with pytest.raises(ValueError, match='input "latents"'):
            client.predict("generate", {"latents": [[1.0], [1.0, 2.0]]})


def test_no_server(connect):
    client = connect(f"localhost:{unused_port()}", wait=0.3)
    start = time.monotonic()
    with pytest.raises(ServingError, match="no server answers at .*localhost") as error:
        client.metadata()
    assert error.value.code == "UNAVAILABLE" and error.value.repeatable
    assert time.monotonic() - start < 3


def test_waits_for_a_server_that_is_being_started(start_local, models):
    port, rest_port = unused_port(), unused_port()
    clients = (
        GrpcClient(f"localhost:{port}", "sounds", wait=60),
        RestClient(f"http://localhost:{rest_port}", "sounds", wait=60),
    )
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(client.predict, "ramp", {"samples": 3}) for client in clients]
        time.sleep(0.3)
        assert not any(answer.done() for answer in answers)
        started = start_local(models / "sounds", f"--port={port}", f"--rest_port={rest_port}")
        assert [answer.result(60)["waveform"].shape for answer in answers] == 2 * [(1, 3, 1)]
    for client in clients:
        client.close()
    started.end()


def test_a_server_that_dies_in_mid_request(start_local, models):
    started = start_local(models / "sounds")
    clients = GrpcClient(started.grpc, "sounds", wait=1), RestClient(started.rest, "sounds", wait=1)
    for client in clients:
        client.metadata()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(c.predict, "slow", {"thousands": 1000}) for c in clients]
        time.sleep(1)
        assert not any(answer.done() for answer in answers)
        started.process.kill()
        for answer in answers:
            with pytest.raises(ServingError, match="went away before it had answered") as error:
                answer.result(60)
            assert error.value.code == "UNAVAILABLE" and not error.value.repeatable
    for client in clients:
        with pytest.raises(ServingError, match="no server answers"):
            client.metadata()
        client.close()


def answer_all(listener, data):
    """Answer whatever connects by the same bytes."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(2**16)
            connection.sendall(data)


def http(status, body, headers="", missing=0):
    """The bytes of a reply, of which the body may come short."""
    head = f"HTTP/1.1 {status} Word\r\nContent-Length: {len(body) + missing}\r\n{headers}\r\n"
    return (head + body).encode()


@pytest.mark.parametrize(
    "data, wanted",
    [
        (b"", "went away before"),
        (b"nonsense\r\n\r\n", "is it one"),
        (http(200, "[1]"), "is it one"),
        (http(200, '{"model_spec": {"version": "x"}}'), "is it one"),
        (http(200, '{"model_spec":'), "is it one"),
        (http(200, '{"model_spec":', missing=9), "went away before"),
        (http(302, "", "Location: http://localhost/\r\n"), "status 302"),
        (http(503, '{"error": "the queue is full"}'), "no room .*the queue is full"),
        (http(500, "<html>Oh!</html>"), "status 500"),
    ],
)
def test_a_server_that_is_none(data, wanted):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_all, args=(listener, data), daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with RestClient(address, "sounds", timeout=10, wait=0.2) as client:
            with pytest.raises(ServingError, match=wanted):
                client.metadata()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_server_that_sends_without_end():
    def drip(listener):
        connection, _ = listener.accept()
        with connection:
            connection.recv(2**16)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for _ in range(100):
                try:
                    connection.sendall(b"[" * 2**16)
                except OSError:
                    return
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with RestClient(address, "sounds", timeout=0.5, wait=0) as client:
            with pytest.raises(ServingError, match="within 0.5 s"):
                client.metadata()
        thread.join(10)
        assert not thread.is_alive()


def test_what_is_repeated():
    def failing(times, repeatable):
        made = []

        def once():
            made.append(time.monotonic())
            if len(made) <= times:
                raise ServingError("UNAVAILABLE", "no", repeatable)
            return len(made)

        return once, made

    once, made = failing(3, repeatable=True)
    assert serving.patiently(once, wait=10) == 4
    assert made[3] - made[2] > made[1] - made[0]  # later and later
    once, made = failing(3, repeatable=False)
    with pytest.raises(ServingError):
        serving.patiently(once, wait=10)
    assert len(made) == 1
    once, made = failing(100, repeatable=True)
    start = time.monotonic()
    with pytest.raises(ServingError):
        serving.patiently(once, wait=0.5)
    assert 1 < len(made) < 8 and time.monotonic() - start < 2


def test_which_words_mean_what():
    for text, repeatable, sentence in (
        ("failed to connect to all addresses; Connection refused", True, "no server answers"),
        ("The batch scheduling queue to which this task was submitted is full", True, "no room"),
        ("Stream removed (Socket closed)", False, "went away"),
        ("recvmsg:Connection reset by peer", False, "went away"),
        ("anything else", False, "went away"),
    ):
        error = serving.unavailable("host:1", text)
        assert (error.repeatable, error.code) == (repeatable, "UNAVAILABLE")
        assert sentence in str(error) and text in str(error)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.code, str(copy), copy.repeatable) == (error.code, str(error), False)


@pytest.mark.parametrize(
    "kind, address",
    [
        (GrpcClient, "localhost"),
        (GrpcClient, "http://localhost:1"),
        (GrpcClient, "a b:1"),
        (RestClient, "localhost:1"),
        (RestClient, "ftp://host"),
        (RestClient, "http://"),
        (RestClient, "http://host:port"),
        (RestClient, "http://me:secret@host:1"),
    ],
)
def test_impossible_addresses(kind, address):
    with pytest.raises(ValueError, match="address of the server"):
        kind(address, "sounds")


@pytest.mark.parametrize(
    "limit",
    [
        {"timeout": 0},
        {"timeout": float("nan")},
        {"wait": -1},
        {"wait": float("inf")},
        {"max_message_bytes": 0},
        {"max_message_bytes": 2**31},
    ],
)
def test_impossible_limits(connect, limit):
    with pytest.raises(ValueError, match=next(iter(limit))):
        connect("localhost:1", **limit)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    with pytest.raises(ValueError, match=r'tensorflow-serving-api is not .* "tfwave\[serving\]"'):
        GrpcClient("localhost:1", "sounds")


def test_the_messages_of_tensorflow_are_cut_down():
    text = "{{function_node __f_12}} assertion\n failed: [a] [[{{node Assert}}]] [Op:__f_12]"
    assert protocol.plain(text) == "assertion failed: [a]"
    assert len(protocol.plain("x" * 10_000)) == 600
    model = sounding_models.Sounds()
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        model.generate(np.full([1, 5], np.nan, np.float32))
    assert protocol.plain(error.value.message) == "assertion failed: [latents must be finite]"
