"""A client of TensorFlow Serving: gRPC here, REST in `rest_client`, with the same verbs.

    with GrpcClient("localhost:8500", "wavegan") as client:
        waveform = client.predict("sample", {"count": 4, "seed": 0})["waveform"]

What is sent again, and what is not. The signatures of tfwave change nothing on the server and take
their seeds as inputs, so that any request may be repeated; still only those are that no server has
begun to work on: none was to be reached, or it answered that it has no room (UNAVAILABLE). When
the connection breaks in mid-request, that request may be what ended the server (a clip longer than
its memory, say) and would end the next one. After DEADLINE_EXCEEDED the server may still be at work
on the first, and a second would double its load. INVALID_ARGUMENT and the like stay what they are.
"""

import random
import re
import time

from tfwave.errors import UserError
from tfwave.serving import protocol

# gRPC's own limit on a reply is 4 MiB, a minute of sound; protocol buffers end at 2 GiB.
MAX_MESSAGE_BYTES = 2**30
TIMEOUT = 300.0
WAIT = 2.0

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
# gRPC has one status for no server, a full one and one that went away; only the words differ.
_NOT_REACHED = ("failed to connect", "errors resolving", "resolution failed", "backends failing")
_NO_ROOM = ("queue", "overload", "too many")  # the first is TensorFlow Serving's, when it batches


class ServingError(OSError):
    """A request that failed; `str()` is one sentence.

    Attributes:
      code: name of the status of gRPC, "INVALID_ARGUMENT" for one.
      repeatable: whether it is sure that no server has begun to work, and one soon may.
    """

    def __init__(self, code, sentence, repeatable=False):
        self.code = code
        self.repeatable = repeatable
        super().__init__(sentence)

    def __reduce__(self):
        return (type(self), (self.code, str(self), self.repeatable))


def patiently(once, wait):
    """Call `once()`, again and again while that is safe (see above), for `wait` seconds.

    Args:
      once: function without arguments that may raise ServingError.
      wait: seconds from now on in which a further attempt begins.

    Returns:
      What `once` returns.

    Raises:
      ServingError: the last one.
    """
    end, pause = time.monotonic() + wait, _FIRST_PAUSE
    while True:
        try:
            return once()
        except ServingError as error:
            # Clients that failed together must not come back together.
            nap = pause * random.uniform(0.5, 1.5)
            if not error.repeatable or time.monotonic() + nap > end:
                raise
        time.sleep(nap)
        pause = min(2 * pause, _LONGEST_PAUSE)


def check_limits(timeout, wait, max_message_bytes):
    """Raise ValueError for numbers that no client can have."""
    if not 0 < timeout < float("inf"):
        raise UserError(f"timeout must be above 0 seconds, not {timeout:g}")
    if not 0 <= wait < float("inf"):
        raise UserError(f"wait must be 0 seconds or more, not {wait:g}")
    if not 0 < max_message_bytes < 2**31:
        raise UserError(
            f"max_message_bytes must be above 0 and below 2 GiB, not {max_message_bytes}"
        )


def is_loopback(host):
    """Return whether a host name or address is this machine's own, which no proxy can reach."""
    return host in ("localhost", "::1", "[::1]") or host.startswith("127.")


class GrpcClient:
    """Requests by gRPC to one model. May be shared by threads.

    Args:
      address: "host:port"; TensorFlow Serving's port is 8500.
      model: its name.
      version: number of it, by default the newest.
      timeout: seconds in which a request must be answered.
      wait: seconds that a server is waited for which cannot be reached, or has no room.
      max_message_bytes: largest request and reply.

    Raises:
      UserError: an argument is not as above, or the packages are not installed.
    """

    def __init__(
        self,
        address,
        model,
        version=None,
        timeout=TIMEOUT,
        wait=WAIT,
        max_message_bytes=MAX_MESSAGE_BYTES,
    ):
        check_limits(timeout, wait, max_message_bytes)
        if not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):\d+", address):
            raise UserError(f'the address of the server must be "host:port", not {address!r}')
        self._messages = protocol.messages()
        self.address, self.model, self.version = address, model, version
        self.timeout, self.wait, self.max_message_bytes = timeout, wait, max_message_bytes
        options = [
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.max_receive_message_length", max_message_bytes),
            # Else a channel that failed once fails for a second without trying.
            ("grpc.initial_reconnect_backoff_ms", int(1000 * _FIRST_PAUSE)),
            ("grpc.max_reconnect_backoff_ms", int(1000 * _LONGEST_PAUSE)),
        ]
        if is_loopback(address.rpartition(":")[0]):
            options.append(("grpc.enable_http_proxy", 0))
        self._channel = self._messages.grpc.insecure_channel(address, options)
        self._stub = self._messages.PredictionServiceStub(self._channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the connection."""
        self._channel.close()

    def metadata(self):
        """Request the model's version and signatures.

        Returns:
          protocol.Metadata.

        Raises:
          ServingError: no server, no such model.
        """
        module = self._messages.get_model_metadata_pb2
        request = module.GetModelMetadataRequest(metadata_field=["signature_def"])
        self._name_model(request.model_spec)
        reply = patiently(lambda: self._call(self._stub.GetModelMetadata, request), self.wait)
        definitions = module.SignatureDefMap()
        reply.metadata["signature_def"].Unpack(definitions)
        return protocol.Metadata(
            reply.model_spec.version.value,
            protocol.signatures_from_messages(definitions.signature_def),
        )

    def predict(self, signature, inputs):
        """Run a signature of the model.

        Args:
          signature: its name.
          inputs: {name: array, number, string, or nested list of these}. Python's numbers become
            float32 and int32, arrays keep their type.

        Returns:
          {name: array}; strings are object arrays of bytes.

        Raises:
          ServingError: no server, no such model or signature, inputs that it does not take (the
            sentence has the server's words), no answer in time, a connection that broke.
          UserError: an input is no array, or too large for any message.
        """
        import tensorflow as tf

        request = self._messages.predict_pb2.PredictRequest()
        self._name_model(request.model_spec)
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            try:
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            except (TypeError, ValueError) as error:
                raise UserError(f'input "{name}": {protocol.plain(str(error))}') from None
        reply = patiently(lambda: self._call(self._stub.Predict, request), self.wait)
        try:
            return {name: tf.make_ndarray(proto) for name, proto in reply.outputs.items()}
        except (TypeError, ValueError) as error:
            raise ServingError(
                "INTERNAL",
                f"{self.address} sent an array that cannot be read ({protocol.plain(str(error))})",
            ) from None

    def _name_model(self, spec):
        spec.name = self.model
        if self.version is not None:
            spec.version.value = self.version

    def _call(self, method, request):
        try:
            return method(request, timeout=self.timeout)
        except self._messages.grpc.RpcError as error:
            raise self._failure(error.code().name, error.details() or "") from None

    def _failure(self, code, text):
        """Return the ServingError of a status and its text."""
        text, where = protocol.plain(text), self.address
        if code == "UNAVAILABLE":
            return unavailable(where, text)
        if code == "DEADLINE_EXCEEDED":
            return no_answer(where, self.timeout)
        if code == "RESOURCE_EXHAUSTED" and "larger than max" in text:
            if "SERVER" in text:
                return ServingError(code, f"the request is larger than {where} takes ({text})")
            if "Sent" in text:
                return request_too_large(text, self.max_message_bytes)
            return reply_too_large(where, self.max_message_bytes)
        return refused(where, self.model, self.version, code, text)


def unavailable(where, text, reached=True):
    """Return the ServingError of UNAVAILABLE: no server, a full one, or one that went away."""
    code, words = "UNAVAILABLE", text.lower()
    if not reached or any(part in words for part in _NOT_REACHED):
        return ServingError(code, f"no server answers at {where} ({text})", repeatable=True)
    if any(part in words for part in _NO_ROOM):
        sentence = f"{where} has no room for the request ({text})"
        return ServingError(code, sentence, repeatable=True)
    return ServingError(
        code,
        f"{where} went away before it had answered; the request is not repeated, since it "
        f"may be what ended the server ({text})",
    )


def no_answer(where, timeout):
    """Return the ServingError of a deadline that passed."""
    return ServingError("DEADLINE_EXCEEDED", f"{where} gave no answer within {timeout:g} s")


def request_too_large(text, limit):
    """Return the ServingError of a request beyond the client's limit."""
    return ServingError(
        "RESOURCE_EXHAUSTED", f"the request is larger than max_message_bytes = {limit} ({text})"
    )


def reply_too_large(where, limit):
    """Return the ServingError of a reply beyond the client's limit."""
    return ServingError(
        "RESOURCE_EXHAUSTED",
        f"the reply of {where} is larger than max_message_bytes = {limit}; ask for fewer or "
        "shorter clips at a time, or raise the limit",
    )


def refused(where, model, version, code, text):
    """Return the ServingError of any other status, with the server's own words."""
    if code == "NOT_FOUND":
        which = model if version is None else f"{model}, version {version}"
        return ServingError(code, f"{where} does not have the model {which} ({text})")
    return ServingError(code, f"{where} refused the request: {text} ({code})")
