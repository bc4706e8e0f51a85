"""SavedModels of the local server: loaded, warmed up, with their inputs checked."""

import pathlib

import numpy as np

from tfwave.errors import UserError
from tfwave.serving import protocol

WARMUP = pathlib.Path("assets.extra", "tf_serving_warmup_requests")
_MOST_WARMUP_REQUESTS = 1000  # more than which TensorFlow Serving refuses


class Refusal(Exception):
    """A request that is answered by a status.

    Attributes:
      code: its name, of `protocol.CODES`.
      text: one sentence.
    """

    def __init__(self, code, text):
        super().__init__(code, text)
        self.code, self.text = code, text


class ServedModel:
    """The newest version of a model.

    Args:
      folder: holds the versions, each a SavedModel in a folder that is named by a number; its own
        name is that of the model.
      warm_up: whether to run the warm-up requests that are beside the SavedModel.

    Attributes:
      name: of the model.
      version: int.
      definitions: {name: SignatureDef}.
      signatures: {name: protocol.Signature}.

    Raises:
      OSError: there is no such folder.
      ValueError: it holds no version, or one that cannot be loaded or warmed up.
    """

    def __init__(self, folder, warm_up=True):
        folder = pathlib.Path(folder)
        version = newest_version(folder)
        self.name, self.version = folder.resolve().name, int(version.name)

        import tensorflow as tf
        from google.protobuf.message import DecodeError
        from tensorflow.core.protobuf import saved_model_pb2

        try:
            saved = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
            self._loaded = tf.saved_model.load(str(version))
        except (DecodeError, OSError, tf.errors.OpError, ValueError) as error:
            reason = protocol.plain(str(error)) or "the file is damaged"
            raise UserError(f"{version}: cannot be loaded as a SavedModel ({reason})") from None
        self.definitions = {
            name: definition
            for name, definition in saved.meta_graphs[0].signature_def.items()
            if name in self._loaded.signatures
        }
        self.signatures = protocol.signatures_from_messages(self.definitions)
        if warm_up and (version / WARMUP).exists():
            self._warm_up(version / WARMUP)

    def signature(self, name, unknown="FAILED_PRECONDITION"):
        """Return the `protocol.Signature` of a name, which may be empty for the default one.

        Raises:
          Refusal: there is none; with the code `unknown`.
        """
        name = name or protocol.DEFAULT_SIGNATURE
        if name not in self.signatures:
            names = ", ".join(self.signatures)
            raise Refusal(unknown, f'Serving signature key "{name}" not found; there are {names}.')
        return self.signatures[name]

    def check_version(self, version):
        """Raise Refusal unless `version` (int, or None for the newest) is the one served."""
        if version not in (None, self.version):
            raise not_found(self.name, version)

    def check(self, signature, inputs):
        """Check names, types and shapes of the inputs of a signature.

        Args:
          signature: its name.
          inputs: {name: (dtype as in `protocol.Tensor`, shape)}.

        Raises:
          Refusal: they are not those of the signature; names the input.
        """
        tensors = self.signature(signature).inputs
        extra, missing = (
            sorted(inputs.keys() - tensors.keys()),
            sorted(tensors.keys() - inputs.keys()),
        )
        if extra or missing:
            wrong = {"missing": missing, "unknown": extra}
            parts = [f"{kind}: {', '.join(names)}" for kind, names in wrong.items() if names]
            sentence = f"inputs do not match the signature; {'; '.join(parts)}."
            raise Refusal("INVALID_ARGUMENT", sentence)
        for name, (dtype, shape) in sorted(inputs.items()):
            tensor = tensors[name]
            if dtype != tensor.dtype or not tensor.fits(shape):
                actual = f"{dtype} {protocol.shape_text(shape)}"
                raise Refusal("INVALID_ARGUMENT", f'input "{name}" must be {tensor}, not {actual}.')

    def run(self, signature, arrays):
        """Run a signature; may be called from several threads at once.

        Args:
          signature: its name.
          arrays: {name: array}, already checked.

        Returns:
          {name: array}.

        Raises:
          Refusal: the graph did; with the status and the words of TensorFlow.
        """
        import tensorflow as tf

        function = self._loaded.signatures[signature or protocol.DEFAULT_SIGNATURE]
        try:
            tensors = {name: tf.convert_to_tensor(array) for name, array in arrays.items()}
            return {name: tensor.numpy() for name, tensor in function(**tensors).items()}
        except tf.errors.OpError as error:
            raise Refusal(protocol.CODES[error.error_code], protocol.plain(error.message)) from None

    def _warm_up(self, path):
        """Run the requests of a file of PredictionLogs."""
        import tensorflow as tf
        from google.protobuf.message import DecodeError

        logs = protocol.messages().prediction_log_pb2
        try:
            for number, record in enumerate(tf.data.TFRecordDataset(str(path))):
                if number == _MOST_WARMUP_REQUESTS:
                    raise ValueError(f"more than {_MOST_WARMUP_REQUESTS} requests")
                log = logs.PredictionLog.FromString(record.numpy())
                if log.WhichOneof("log_type") != "predict_log":
                    raise ValueError(f"request {number} is none of Predict")
                request = log.predict_log.request
                arrays = self.read(request.model_spec.signature_name, request.inputs, 2**31)
                self.run(request.model_spec.signature_name, arrays)
        except (DecodeError, Refusal, ValueError, tf.errors.OpError) as error:
            text = error.text if isinstance(error, Refusal) else str(error)
            raise UserError(f"{path}: warming up failed: {protocol.plain(text)}") from None

    def read(self, signature, protos, max_bytes):
        """Turn TensorProtos into arrays.

        Args:
          signature: its name.
          protos: {name: TensorProto}.
          max_bytes: of any one array.

        Returns:
          {name: array}.

        Raises:
          Refusal: they are not those of the signature, too large, or damaged; names the input.
        """
        import tensorflow as tf

        inputs = {name: _dtype_and_shape(name, proto) for name, proto in protos.items()}
        self.check(signature, inputs)
        arrays = {}
        for name, proto in protos.items():
            dtype, shape = inputs[name]
            # A proto may name a shape and hold one value, which then stands for all.
            itemsize = 8 if dtype == "string" else np.dtype(dtype).itemsize
            if np.prod([float(size) for size in shape]) * itemsize > max_bytes:
                size = f"of shape {protocol.shape_text(shape)} is larger than {max_bytes} bytes"
                raise Refusal("INVALID_ARGUMENT", f'input "{name}" {size}.')
            try:
                arrays[name] = tf.make_ndarray(proto)
            except (TypeError, ValueError) as error:
                sentence = f'input "{name}": {protocol.plain(str(error))}.'
                raise Refusal("INVALID_ARGUMENT", sentence) from None
        return arrays


def _dtype_and_shape(name, proto):
    from tensorflow.core.framework import types_pb2

    shape = proto.tensor_shape
    sizes = tuple(dim.size for dim in shape.dim)
    if shape.unknown_rank or min(sizes, default=0) < 0:
        raise Refusal("INVALID_ARGUMENT", f'input "{name}": its shape {list(sizes)} is none.')
    try:
        dtype = types_pb2.DataType.Name(proto.dtype)  # pyright: ignore[reportAttributeAccessIssue]
        return protocol.dtype_name(dtype), sizes
    except ValueError:
        sentence = f'input "{name}": there is no type {proto.dtype}.'
        raise Refusal("INVALID_ARGUMENT", sentence) from None


def not_found(name, version):
    """Return the Refusal of a model that is not served."""
    which = f"Latest({name})" if version is None else f"Specific({name}, {version})"
    return Refusal("NOT_FOUND", f"Servable not found for request: {which}")


def newest_version(folder):
    """Return the folder of the highest number that holds a SavedModel.

    Raises:
      OSError: there is no such folder.
      ValueError: there is no version in it.
    """
    versions = [
        path
        for path in pathlib.Path(folder).iterdir()
        if path.name.isascii() and path.name.isdigit() and (path / "saved_model.pb").is_file()
    ]
    if not versions:
        raise UserError(f"{folder}: there is no version in it (NUMBER/saved_model.pb)")
    return max(versions, key=lambda path: int(path.name))


def load_models(folders, warm_up=True):
    """Load {name: ServedModel} from several folders.

    Raises:
      OSError, ValueError: as `ServedModel`, or two have the same name.
    """
    models = {}
    for folder in folders:
        model = ServedModel(folder, warm_up)
        if model.name in models:
            raise UserError(f"{folder}: there is another model of the name {model.name}")
        models[model.name] = model
    return models
