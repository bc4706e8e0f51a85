"""A client of TensorFlow Serving's REST API, with the verbs of `client.GrpcClient`.

It needs neither TensorFlow nor tensorflow-serving-api. Numbers travel as text, so that a waveform
takes several times the bytes and the time that it does by gRPC.
"""

import json
import time
import urllib.parse

import requests
import urllib3

from tfwave.errors import UserError
from tfwave.serving import client, protocol

_CHUNK = 2**16
_CODES = {status: code for code, status in reversed(protocol.HTTP_STATUS.items())}
_CODES |= {413: "RESOURCE_EXHAUSTED"}


class RestClient:
    """Requests by REST to one model. Not to be shared by threads.

    Args:
      address: "http://host:port"; TensorFlow Serving's port is 8501.
      model, version, timeout, wait, max_message_bytes: as in `client.GrpcClient`. A server that
        sends without end is given up at the timeout as well.

    Raises:
      UserError: an argument is not as above.
    """

    def __init__(
        self,
        address,
        model,
        version=None,
        timeout=client.TIMEOUT,
        wait=client.WAIT,
        max_message_bytes=client.MAX_MESSAGE_BYTES,
    ):
        client.check_limits(timeout, wait, max_message_bytes)
        self.address, self.model, self.version = address.rstrip("/"), model, version
        self.timeout, self.wait, self.max_message_bytes = timeout, wait, max_message_bytes
        self._url = f"{self.address}/v1/models/{urllib.parse.quote(model, safe='')}"
        if version is not None:
            self._url += f"/versions/{version}"
        self._session = requests.Session()
        self._session.trust_env = not client.is_loopback(_host(address))
        self._known = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the connection."""
        self._session.close()

    def metadata(self):
        """Request the metadata, as `client.GrpcClient.metadata`."""
        reply = self._ask("GET", f"{self._url}/metadata")
        try:
            self._known = protocol.Metadata(
                int(reply["model_spec"]["version"]),
                protocol.signatures_from_json(reply["metadata"]["signature_def"]["signature_def"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._nonsense() from None
        return self._known

    def predict(self, signature, inputs):
        """Send a request, as `client.GrpcClient.predict`.

        Numbers take the type that the signature names. The signatures are requested once: a reply
        with one output does not name it.
        """
        metadata = self._known
        if metadata is None or signature not in metadata.signatures:
            metadata = self.metadata()
        if signature not in metadata.signatures:
            names = ", ".join(metadata.signatures)
            text = f"there is no signature {signature!r}; there are {names}"
            raise self._refused("INVALID_ARGUMENT", text)
        values = {name: protocol.to_json(value) for name, value in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": values}).encode()
        if len(body) > self.max_message_bytes:
            raise client.request_too_large(f"{len(body)} bytes", self.max_message_bytes)
        outputs = metadata.signatures[signature].outputs
        reply = self._ask("POST", f"{self._url}:predict", body)
        try:
            values = reply["outputs"]
            if len(outputs) == 1:
                values = {next(iter(outputs)): values}
            return {
                name: protocol.from_json(value, outputs[name].dtype, name)
                for name, value in values.items()
            }
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._nonsense() from None

    def _nonsense(self):
        return client.ServingError(
            "INTERNAL",
            f"{self.address} answered what no server of TensorFlow Serving's REST API "
            "would; is it one?",
        )

    def _ask(self, method, url, body=None):
        """Return the JSON of a reply with the status 200."""
        status, content = client.patiently(lambda: self._exchange(method, url, body), self.wait)
        try:
            reply = json.loads(content)
        except (ValueError, RecursionError):
            reply = None
        if status == 200 and isinstance(reply, dict):
            return reply
        if status == 200:
            raise self._nonsense()
        text = reply.get("error") if isinstance(reply, dict) else None
        text = protocol.plain(str(text)) if text else f"HTTP status {status}"
        code = _CODES.get(status, "INTERNAL")
        if code == "DEADLINE_EXCEEDED":
            raise client.no_answer(self.address, self.timeout)
        raise self._refused(code, text)

    def _refused(self, code, text):
        return client.refused(self.address, self.model, self.version, code, text)

    def _exchange(self, method, url, body):
        """Make one request: (status, bytes of the reply)."""
        end = time.monotonic() + self.timeout
        content = bytearray()
        try:
            with self._session.request(
                method,
                url,
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=self.timeout,
                stream=True,
                allow_redirects=False,
            ) as reply:
                for chunk in reply.iter_content(_CHUNK):
                    content += chunk
                    if len(content) > self.max_message_bytes:
                        raise client.reply_too_large(self.address, self.max_message_bytes)
                    if time.monotonic() > end:
                        raise client.no_answer(self.address, self.timeout)
                status = reply.status_code
        except requests.RequestException as error:
            raise self._failure(error) from None
        if status == 503:
            raise client.unavailable(self.address, _error_text(content))
        return status, bytes(content)

    def _failure(self, error):
        """Return the ServingError of an exchange that came to nothing."""
        causes = [error, *error.args]
        causes += [getattr(cause, "reason", None) for cause in causes]
        text = protocol.plain(str(next((c for c in reversed(causes) if c), error)))
        not_reached = (requests.ConnectTimeout, urllib3.exceptions.NewConnectionError)
        if any(isinstance(cause, not_reached) for cause in causes):
            return client.unavailable(self.address, text, reached=False)
        timeouts = (requests.Timeout, urllib3.exceptions.ReadTimeoutError)
        if any(isinstance(cause, timeouts) for cause in causes):
            return client.no_answer(self.address, self.timeout)
        if "BadStatusLine" in text:
            return self._nonsense()
        return client.unavailable(self.address, text)


def _host(address):
    """Return the host of an address "http://host:port".

    Raises:
      UserError: it is none.
    """
    try:
        parts = urllib.parse.urlsplit(address)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or parts.username is not None:
        raise UserError(f'the address of the server must be "http://host:port", not {address!r}')
    return parts.hostname


def _error_text(content):
    try:
        return protocol.plain(str(json.loads(bytes(content))["error"]))
    except (KeyError, TypeError, ValueError, RecursionError):
        return "HTTP status 503"
