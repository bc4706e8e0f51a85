"""A small server with TensorFlow Serving's two interfaces, for machines without its binary.

It is for tests, measurements and trying things, not for production: it listens on this machine's
loopback only, has no batching, no new versions while it runs, no encryption. Predict and
GetModelMetadata of the PredictionService are here; `local_rest` puts the REST API in front. Names,
types and shapes of inputs are checked before TensorFlow sees them, so that a mistake is answered
INVALID_ARGUMENT with the name of the input; texts and codes otherwise follow TensorFlow Serving.
"""

import concurrent.futures
import sys
import threading
import traceback

from tfwave.serving import protocol
from tfwave.serving.served_model import Refusal, not_found

HOST = "127.0.0.1"
MAX_REQUEST_BYTES = 64 * protocol.MEBIBYTE
_WAITING = 256  # requests by gRPC that may wait for a thread
_GRACE = 5.0  # seconds for requests that are being answered when the server is stopped


class LocalServer:
    """Server that answers requests to models until it is closed.

    Args:
      models: {name: ServedModel}.
      port: of gRPC; 0 chooses one.
      rest_port: of the REST API; 0 chooses one.
      threads: requests by gRPC, and as many by REST, that are worked on at a time.
      max_request_bytes: larger requests are refused.

    Attributes:
      port, rest_port: on which it listens.

    Raises:
      OSError: a port is taken.
      ValueError: the packages are not installed.
    """

    def __init__(self, models, port=0, rest_port=0, threads=8, max_request_bytes=MAX_REQUEST_BYTES):
        from tfwave.serving import local_rest

        self._messages = protocol.messages()
        self._models, self._max_request_bytes = models, max_request_bytes
        grpc = self._messages.grpc
        pool = concurrent.futures.ThreadPoolExecutor(threads, "predict")
        self._server = grpc.server(
            pool,
            maximum_concurrent_rpcs=threads + _WAITING,
            options=[
                ("grpc.max_receive_message_length", max_request_bytes),
                ("grpc.max_send_message_length", 2**31 - 1),
                ("grpc.so_reuseport", 0),
            ],
        )
        # Bytes come in as they are: gRPC would answer INTERNAL to those that are no message.
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(self._guarded(method))
            for name, method in (
                ("Predict", self._predict),
                ("GetModelMetadata", self._get_model_metadata),
            )
        }
        handler = grpc.method_handlers_generic_handler(
            "tensorflow.serving.PredictionService", handlers
        )
        self._server.add_generic_rpc_handlers((handler,))
        try:
            self.port = self._server.add_insecure_port(f"{HOST}:{port}")
        except RuntimeError:
            self.port = 0
        if not self.port:
            raise OSError(f"port {port} of {HOST} is taken")
        self._rest = local_rest.server(models, HOST, rest_port, threads, max_request_bytes)
        self.rest_port = self._rest.server_address[1]
        self._server.start()
        self._rest_thread = threading.Thread(target=self._rest.serve_forever, daemon=True)
        self._rest_thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Take no more requests, and give those by gRPC that are being answered 5 s."""
        self._rest.shutdown()
        self._rest.server_close()
        self._server.stop(_GRACE).wait()

    def _guarded(self, method):
        """Wrap a handler of gRPC so that it turns a Refusal into a status."""

        def handle(data, context):
            codes = self._messages.grpc.StatusCode
            try:
                return method(data)
            except Refusal as refusal:
                code, text = refusal.code, refusal.text
            except Exception:  # the server must not die of one request
                traceback.print_exc(file=sys.stderr)
                code, text = "INTERNAL", "the server failed; see its log"
            context.abort(getattr(codes, code), text)

        return handle

    def _predict(self, data):
        """Answer the bytes of a PredictRequest by those of a PredictResponse."""
        import tensorflow as tf

        module = self._messages.predict_pb2
        request = _parse(module.PredictRequest, data)
        model, spec = self._model(request.model_spec), request.model_spec
        signature = model.signature(spec.signature_name)
        names = list(request.output_filter) or list(signature.outputs)
        unknown = [name for name in names if name not in signature.outputs]
        if unknown:
            sentence = f"output tensor alias not found in signature: {unknown[0]}"
            raise Refusal("INVALID_ARGUMENT", sentence)
        arrays = model.read(spec.signature_name, request.inputs, self._max_request_bytes)
        outputs = model.run(spec.signature_name, arrays)
        response = module.PredictResponse()
        response.model_spec.CopyFrom(self._spec(model))
        response.model_spec.signature_name = spec.signature_name or protocol.DEFAULT_SIGNATURE
        try:
            for name in names:
                response.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
            return response.SerializeToString()
        except ValueError:  # the limit of protocol buffers
            raise Refusal("RESOURCE_EXHAUSTED", "the reply is larger than 2 GiB") from None

    def _get_model_metadata(self, data):
        """Answer the bytes of a GetModelMetadataRequest by those of its response."""
        module = self._messages.get_model_metadata_pb2
        request = _parse(module.GetModelMetadataRequest, data)
        if not request.metadata_field:
            sentence = "GetModelMetadataRequest must specify at least one metadata_field"
            raise Refusal("INVALID_ARGUMENT", sentence)
        for field in request.metadata_field:
            if field != "signature_def":
                raise Refusal("INVALID_ARGUMENT", f"Metadata field {field} is not supported")
        model = self._model(request.model_spec)
        response = module.GetModelMetadataResponse()
        response.model_spec.CopyFrom(self._spec(model))
        definitions = module.SignatureDefMap()
        for name, definition in model.definitions.items():
            definitions.signature_def[name].CopyFrom(definition)
        response.metadata["signature_def"].Pack(definitions)
        return response.SerializeToString()

    def _model(self, spec):
        """Return the model that a ModelSpec names."""
        if not spec.name:
            raise Refusal("INVALID_ARGUMENT", "Missing ModelSpec with the name of a model")
        if spec.version_label:
            raise Refusal("INVALID_ARGUMENT", "labels of versions are not supported")
        version = spec.version.value if spec.HasField("version") else None
        if spec.name not in self._models:
            raise not_found(spec.name, version)
        self._models[spec.name].check_version(version)
        return self._models[spec.name]

    def _spec(self, model):
        spec = self._messages.predict_pb2.PredictRequest().model_spec
        spec.name = model.name
        spec.version.value = model.version
        return spec


def _parse(kind, data):
    from google.protobuf.message import DecodeError

    try:
        return kind.FromString(data)
    except DecodeError:
        raise Refusal("INVALID_ARGUMENT", f"the request is no {kind.DESCRIPTOR.name}") from None
