"""A running server of the tests' SavedModels: the local one, and TensorFlow Serving where it is."""

import dataclasses
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest

BINARY = "tensorflow_model_server"


@dataclasses.dataclass
class Server:
    """A server in a process of its own, on 127.0.0.1."""

    kind: str
    process: subprocess.Popen
    port: int
    rest_port: int

    @property
    def grpc(self):
        return f"localhost:{self.port}"

    @property
    def rest(self):
        return f"http://localhost:{self.rest_port}"

    @property
    def names_inputs(self):
        """Whether its own refusals name the input, as the local server's do."""
        return self.kind == "local"

    def end(self):
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder of models: sounds, version 2 (and a damaged 10a), and a small WaveGAN, version 1."""
    from tests.serving import sounding_models

    folder = tmp_path_factory.mktemp("models")
    sounding_models.save(sounding_models.Sounds(), folder / "sounds" / "2")
    (folder / "sounds" / "10a").mkdir()
    sounding_models.save_wavegan(folder / "wavegan" / "1")
    return folder


@pytest.fixture(scope="session")
def start_local(root):
    """A function that starts the local server: its arguments are folders and flags."""
    pytest.importorskip("tensorflow_serving")
    started = []

    def start(*arguments):
        command = [
            sys.executable,
            str(root / "tools/serve_saved_model.py"),
            "--port=0",
            "--rest_port=0",
            *map(str, arguments),
        ]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE)
        ports = re.search(r"gRPC \S+:(\d+), REST \S+:(\d+)", process.stdout.readline())
        assert ports, "the server did not start"
        started.append(Server("local", process, int(ports[1]), int(ports[2])))
        return started[-1]

    yield start
    for server in started:
        server.end()


@pytest.fixture(scope="session", params=["local", BINARY])
def server(request, models, tmp_path_factory):
    """A Server of `models`, which all tests share."""
    if request.param == "local":
        start = request.getfixturevalue("start_local")
        yield start(models / "sounds", models / "wavegan", "--max_request_mb=16")
        return
    pytest.importorskip("tensorflow_serving")
    if not shutil.which(BINARY):
        pytest.skip(f"there is no {BINARY} on the PATH")
    config = tmp_path_factory.mktemp("config") / "models.config"
    entries = "".join(
        f' config {{ name: "{name}" base_path: "{models / name}" model_platform: "tensorflow" }}'
        for name in ("sounds", "wavegan")
    )
    config.write_text(f"model_config_list {{{entries}}}")
    here = ("127.0.0.1", 0)
    with socket.create_server(here) as one, socket.create_server(here) as two:
        ports = one.getsockname()[1], two.getsockname()[1]
    command = [
        BINARY,
        f"--port={ports[0]}",
        f"--rest_api_port={ports[1]}",
        f"--model_config_file={config}",
    ]
    started = Server(BINARY, subprocess.Popen(command), *ports)
    yield started
    started.end()


@pytest.fixture(params=["grpc", "rest"])
def connect(request):
    """A function that opens a client, by gRPC and by REST: of a Server or address, and a model."""
    from tfwave.serving.client import GrpcClient
    from tfwave.serving.rest_client import RestClient

    opened = []

    def connect(server, model="sounds", **limits):
        if isinstance(server, Server):
            limits.setdefault("wait", 60)
            server = getattr(server, request.param)
        kind = {"grpc": GrpcClient, "rest": RestClient}[request.param]
        if kind is RestClient and "://" not in server:
            server = f"http://{server}"
        opened.append(kind(server, model, **limits))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()
