"""Serve exported models on this machine without TensorFlow Serving's binary.

    python tools/serve_saved_model.py models/wavegan
    python tools/serve_saved_model.py models/wavegan models/melgan --port=9000 --rest_port=9001

Each folder holds versions as tools/export_saved_model.py writes them (models/NAME/VERSION). The
newest is served, by gRPC and REST as TensorFlow Serving does it, until Ctrl-C. This is for trials
and measurements: it listens on the loopback only, and has neither batching nor encryption. For
public access use TensorFlow Serving.
"""

import os
import signal
import threading

from absl import flags

from tfwave import cli
from tfwave.errors import UserError

_PORT = flags.DEFINE_integer("port", 8500, "Of gRPC; 0 chooses one.", 0, 65535)
_REST_PORT = flags.DEFINE_integer("rest_port", 8501, "Of the REST API; 0 chooses one.", 0, 65535)
_THREADS = flags.DEFINE_integer(
    "threads", 8, "Requests that are worked on at a time.", lower_bound=1
)
_WARM_UP = flags.DEFINE_bool("warmup", True, "Run the warm-up requests that a model brings.")
_MAX_REQUEST_MB = flags.DEFINE_integer("max_request_mb", 64, "Largest request, in MiB.", 1, 2047)


def main(argv):
    if len(argv) < 2:
        raise UserError("name one or more folders of models (models/NAME)")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    from absl import logging

    from tfwave.serving import local_server, served_model

    logging.set_verbosity(logging.ERROR)  # loading warns of gradients, which are not needed

    done = threading.Event()

    def stop(number, _):
        done.set()
        signal.signal(number, signal.SIG_DFL)  # the second does not wait for slow requests

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    models = served_model.load_models(argv[1:], _WARM_UP.value)
    with local_server.LocalServer(
        models, _PORT.value, _REST_PORT.value, _THREADS.value, _MAX_REQUEST_MB.value * 2**20
    ) as server:
        served = ", ".join(f"{model.name} version {model.version}" for model in models.values())
        print(
            f"serving {served}: gRPC {local_server.HOST}:{server.port}, "
            f"REST http://{local_server.HOST}:{server.rest_port}",
            flush=True,
        )
        while not done.wait(3600):
            pass


if __name__ == "__main__":
    cli.run(main)
