"""The REST interface of the local server: TensorFlow Serving's JSON over HTTP/1.1."""

import contextlib
import http.server
import json
import re
import socket
import sys
import threading
import time
import traceback
import urllib.parse
from typing import Any

import numpy as np

from tfwave.serving import protocol
from tfwave.serving.served_model import Refusal, ServedModel, not_found

_PATH = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d{1,18}))?(/metadata|:predict)?")
_IDLE = 60.0  # seconds without a byte after which a connection is ended
_LINGER = 10.0  # seconds for which what a refused client still sends is read
_CHUNK = 2**20


def server(models, host, port, threads, max_request_bytes):
    """Build an HTTP server that is bound and waits for its `serve_forever`.

    Args:
      models: {name: ServedModel}.
      host, port: to listen on; port 0 chooses one.
      threads: requests that are worked on at a time.
      max_request_bytes: larger requests are refused.

    Raises:
      OSError: the port is taken.
    """
    try:
        bound = _Server((host, port), _Handler)
    except (OSError, OverflowError):
        raise OSError(f"port {port} of {host} is taken") from None
    bound.models, bound.max_request_bytes = models, max_request_bytes
    bound.working = threading.BoundedSemaphore(threads)
    return bound


class _Server(http.server.ThreadingHTTPServer):
    models: dict[str, ServedModel]
    max_request_bytes: int
    working: threading.BoundedSemaphore
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Ignore a client that goes away; show any other error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tfwave", ""
    default_request_version = "HTTP/1.0"  # by default 0.9, whose replies have no status
    timeout = _IDLE
    disable_nagle_algorithm = True

    def do_GET(self):
        """Answer with the status or metadata of a model."""
        if self._body() is not None:
            self._answer(self._describe)

    def do_POST(self):
        """Predict."""
        body = self._body()
        if body is not None:
            self._answer(lambda: self._predict(body))

    def log_message(self, *_):
        """Log nothing."""

    def send_error(self, code, message=None, explain=None):
        """Answer errors of HTTP itself, such as a malformed request line, in the same JSON."""
        self.close_connection = True
        self._send(code, {"error": message or self.responses.get(code, ("no request",))[0]})
        # A client would lose the answer if the connection ended while it is still sending.
        end = time.monotonic() + _LINGER
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1.0)
            while time.monotonic() < end and self.connection.recv(_CHUNK):
                pass

    def _body(self):
        """Read the bytes of a request; None if they were refused, which is then answered."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch(r"\d{1,15}", length):
            self.send_error(411, "the request must have a Content-Length")
            return None
        length, limit = int(length), self.server.max_request_bytes
        if length <= limit:
            body = self.rfile.read(length)
            return body if len(body) == length else None  # the client went away
        self.send_error(413, f"the request of {length} bytes is larger than {limit}")
        return None

    def _answer(self, work):
        """Send what `work()` returns, or the status of its Refusal."""
        try:
            status, content = 200, work()
        except Refusal as refusal:
            status = protocol.HTTP_STATUS.get(refusal.code, 500)
            content = {"error": refusal.text}
        except Exception:  # the server must not die of one request
            traceback.print_exc(file=sys.stderr)
            status, content = 500, {"error": "the server failed; see its log"}
        self._send(status, content)

    def _send(self, status, content):
        data = (json.dumps(content) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _model(self, *verbs):
        """Return the model of the path, which must end in one of `verbs`, and the verb."""
        path = urllib.parse.urlsplit(self.path).path
        match = _PATH.fullmatch(path)
        if not match or match[3] not in verbs:
            raise Refusal("INVALID_ARGUMENT", f"Malformed request: {self.command} {path[:200]}")
        name, version = urllib.parse.unquote(match[1]), match[2] and int(match[2])
        if name not in self.server.models:
            raise not_found(name, version)
        self.server.models[name].check_version(version)
        return self.server.models[name], match[3]

    def _describe(self):
        from google.protobuf import json_format

        model, verb = self._model(None, "/metadata")
        if verb is None:
            status = {"error_code": "OK", "error_message": ""}
            version = {"version": str(model.version), "state": "AVAILABLE", "status": status}
            return {"model_version_status": [version]}
        spec = {"name": model.name, "signature_name": "", "version": str(model.version)}
        definitions = {
            name: json_format.MessageToDict(definition, preserving_proto_field_name=True)
            for name, definition in model.definitions.items()
        }
        return {"model_spec": spec, "metadata": {"signature_def": {"signature_def": definitions}}}

    def _predict(self, body):
        model, _ = self._model(":predict")
        name, inputs, by_row = read_request(model, body)
        with self.server.working:
            outputs = model.run(name, inputs)
        return reply(outputs, by_row)


def read_request(model, body):
    """Read the JSON of a Predict request.

    Args:
      model: ServedModel.
      body: bytes.

    Returns:
      (name of the signature, {name: array}, whether the request came in rows).

    Raises:
      Refusal: it is no such request, or not one that the signature takes; names the input.
    """
    try:
        request = json.loads(body)
        if not isinstance(request, dict):
            raise ValueError("the request must be an object")
        name = request.get("signature_name", protocol.DEFAULT_SIGNATURE)
        if not isinstance(name, str):
            raise ValueError("'signature_name' must be a string")
        if ("inputs" in request) == ("instances" in request):
            raise ValueError("the request must have one of the keys 'inputs' and 'instances'")
        signature = model.signature(name, "INVALID_ARGUMENT")
        by_row = "instances" in request
        if by_row:
            values = _columns(request["instances"], signature)
        else:
            values = _named(request["inputs"], signature)
        inputs = signature.inputs
        arrays: dict[str, Any] = {
            key: protocol.from_json(value, inputs[key].dtype, key) if key in inputs else value
            for key, value in values.items()
        }
    except (ValueError, RecursionError) as error:
        text = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise Refusal("INVALID_ARGUMENT", f"JSON error: {protocol.plain(text)}") from None
    model.check(
        name,
        {
            key: (inputs[key].dtype, array.shape) if key in inputs else ("", ())
            for key, array in arrays.items()
        },
    )
    return name, arrays, by_row


def _named(value, signature):
    """Return {name: value} of a dict, or of the bare value of the only input."""
    if isinstance(value, dict) and set(value) != {"b64"}:
        return value
    if len(signature.inputs) != 1:
        raise ValueError("the signature has several inputs, which must be an object with names")
    return {next(iter(signature.inputs)): value}


def _columns(rows, signature):
    """Return {name: list of values} of a list of {name: value}, or of values of the only input."""
    if not isinstance(rows, list) or not rows:
        raise ValueError("'instances' must be a list that is not empty")
    rows = [_named(row, signature) for row in rows]
    names = set(rows[0])
    if any(set(row) != names for row in rows):
        raise ValueError("all 'instances' must have the same names")
    return {name: [row[name] for row in rows] for name in rows[0]}


def reply(outputs, by_row):
    """Encode a Predict reply as JSON.

    Args:
      outputs: {name: array}.
      by_row: whether in rows ("predictions") or in columns ("outputs").

    Raises:
      Refusal: the outputs have no rows.
    """
    if not by_row:
        values = {name: _value(name, array) for name, array in outputs.items()}
        return {"outputs": values if len(values) != 1 else next(iter(values.values()))}
    sizes = {np.shape(array)[:1] for array in outputs.values()}
    if len(sizes) != 1 or () in sizes:
        sentence = "the outputs have no common rows; ask by 'inputs' instead"
        raise Refusal("INVALID_ARGUMENT", sentence)
    columns = {name: _value(name, array) for name, array in outputs.items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if len(columns) == 1:
        rows = next(iter(columns.values()))
    return {"predictions": rows}


def _value(name, array):
    return protocol.to_json(array, text=not name.endswith("_bytes"))
