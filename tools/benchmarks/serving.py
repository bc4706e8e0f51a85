"""`tools/benchmark.py serving`: a WaveGAN as a SavedModel, and behind the local server.

The clients are threads of this process; they and the server share the machine.
"""

import contextlib
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
from benchmarks import measure

PYTHON = "the Python model"
CLIPS = 64  # that a call of each side makes, in batches of 1 or 16
REQUESTS = 200  # of all clients together, in a run
_TOOL = str(pathlib.Path(__file__).resolve().parents[1] / "serve_saved_model.py")
_WARM_UPS = {"with warm-up": "--warmup", "without warm-up": "--nowarmup"}


def figures(runs: int, clients: list[int], model_dim: int) -> dict:
    """Measure everything.

    Args:
      runs: counted runs of each side.
      clients: how many send requests at a time.
      model_dim: d of the paper's tables; 64 is the published model.

    Returns:
      {name: figure} as `measure.summary` makes them.
    """
    with tempfile.TemporaryDirectory(prefix="tfwave-benchmark-") as folder:
        model = pathlib.Path(folder, "wavegan")
        results = _export(runs, model, model_dim) | _signature(runs, model, model_dim)
        if measure.is_counting():
            measure.report_progress(runs * (len(_WARM_UPS) + 2 * len(clients)))
            return results
        results |= _cold_start(runs, model)
        with _server(model, "--warmup") as (port, rest_port):
            for count in clients:
                results |= _load(runs, count, port, rest_port)
    return results


def _export(runs, model, model_dim):
    """Measure the seconds of an export, and the size of a version."""
    side = measure.Side(prepare_export, model_dim, str(model))
    seconds = [side.run() for _ in range(runs)]
    side.close()
    files = [path for path in (model / "1").rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 2**20
    return {"export": measure.summary(seconds, "s"), "SavedModel": measure.summary([size], "MiB")}


def _signature(runs, model, model_dim):
    """Measure the SavedModel's signature against the model that it was made from."""
    results = {}
    for clips in (1, 16):
        sides = {
            PYTHON: measure.Side(prepare_python, model_dim, clips),
            "SavedModel": measure.Side(prepare_signature, str(model), clips),
        }
        name = f"generation, batch {clips}"
        results |= measure.compare(name, sides, (PYTHON,), runs, ("clips/s", CLIPS))
    return results


def _cold_start(runs, model):
    """Measure from the start of the server's process to its first answer, and its last part."""
    results = {}
    for label, flag in _WARM_UPS.items():
        whole, last = [], []
        for _ in range(runs):
            started = time.perf_counter()
            with _server(model, flag) as (port, _), _client(port, None) as client:
                ready = time.perf_counter()
                client.predict("generate", {"latents": _latents(client)})
                answered = time.perf_counter()
            measure.report_progress()
            whole.append(answered - started)
            last.append(answered - ready)
        results[f"server's start to first answer, {label}"] = measure.summary(whole, "s")
        results[f"first answer, {label}"] = measure.summary(last, "s")
    return results


def _load(runs, count, port, rest_port):
    """Time requests for one clip each by a number of concurrent clients."""
    results = {}
    for way, ports in {"gRPC": (port, None), "REST": (None, rest_port)}.items():
        rates, middle, worst = [], [], []
        for _ in range(runs):
            seconds, latencies = _requests(count, *ports)
            measure.report_progress()
            rates.append(len(latencies) / seconds)
            middle.append(1000 * float(np.percentile(latencies, 50)))
            worst.append(1000 * float(np.percentile(latencies, 99)))
        name = f"clients: {count}, {way}"
        results[name] = measure.summary(rates, "requests/s")
        results[f"{name}, latency p50"] = measure.summary(middle, "ms")
        results[f"{name}, latency p99"] = measure.summary(worst, "ms")
    return results


def _requests(count, port, rest_port):
    """Return (seconds of all requests, seconds of each)."""
    latencies, left = [], iter(range(REQUESTS))
    lock, start = threading.Lock(), threading.Barrier(count + 1)

    def ask():
        with _client(port, rest_port) as client:
            latents = _latents(client)
            start.wait()
            while True:
                with lock:
                    if next(left, None) is None:
                        return
                begun = time.perf_counter()
                client.predict("generate", {"latents": latents})
                latencies.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    start.wait(60)
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    if len(latencies) != REQUESTS:
        raise RuntimeError("requests failed; see the tracebacks above")
    return seconds, latencies


@contextlib.contextmanager
def _server(model, *flags):
    """Yield (port, port of REST) of a local server in a process of its own."""
    command = [sys.executable, _TOOL, str(model), "--port=0", "--rest_port=0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            ports = re.search(r"gRPC \S+:(\d+), REST \S+:(\d+)", process.stdout.readline())
            if not ports:
                raise RuntimeError("the local server did not start; see its words above")
            yield int(ports[1]), int(ports[2])
        finally:
            process.terminate()


def _client(port, rest_port):
    from tfwave.serving.client import GrpcClient
    from tfwave.serving.rest_client import RestClient

    if port:
        return GrpcClient(f"127.0.0.1:{port}", "wavegan")
    return RestClient(f"http://127.0.0.1:{rest_port}", "wavegan")


def _latents(client):
    dim = client.metadata().signatures["generate"].inputs["latents"].shape[1]
    return np.random.default_rng(0).uniform(-1, 1, [1, dim]).astype(np.float32)


def _model(model_dim):
    from tfwave.models.wavegan.config import WaveGANConfig
    from tfwave.models.wavegan.wavegan import WaveGAN

    return WaveGAN(WaveGANConfig(model_dim=model_dim))


def prepare_export(model_dim, folder):
    """Prepare one version."""
    from tfwave.serving.export import export_model

    model = _model(model_dim)
    return lambda: export_model(model, folder)


def prepare_python(model_dim, clips):
    """Prepare clips from latents."""
    model = _model(model_dim)
    latents = model.sample_latents(clips)

    def generate():
        for _ in range(CLIPS // clips):
            model.generate(latents=latents).numpy()

    return generate


def prepare_signature(folder, clips):
    """Prepare the same by the exported signature."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(pathlib.Path(folder, "1")))
    signature = loaded.signatures["generate"]
    dim = signature.structured_input_signature[1]["latents"].shape[1]
    latents = tf.constant(np.random.default_rng(0).uniform(-1, 1, [clips, dim]), tf.float32)

    def generate(loaded=loaded):  # which holds the variables
        for _ in range(CLIPS // clips):
            signature(latents=latents)["waveform"].numpy()

    return generate
