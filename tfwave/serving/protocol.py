"""Signatures, status codes and JSON of TensorFlow Serving, for the client and the local server.

The JSON is that of TensorFlow Serving's REST API (tensorflow.org/tfx/serving/api_rest). Nothing
here needs TensorFlow, except that the messages of `messages()` import it.
"""

import base64
import dataclasses
import re
import types

import numpy as np

from tfwave.errors import UserError

# Number and name of every status of gRPC; TensorFlow's own errors have the same numbers.
CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
# The status of HTTP in which TensorFlow Serving's REST API puts each; 500 for all others.
HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "UNAUTHENTICATED": 401,
}
DEFAULT_SIGNATURE = "serving_default"
MEBIBYTE = 2**20

_DTYPES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_HALF": "float16",
    "DT_INT8": "int8",
    "DT_INT16": "int16",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_UINT8": "uint8",
    "DT_UINT16": "uint16",
    "DT_UINT32": "uint32",
    "DT_UINT64": "uint64",
    "DT_BOOL": "bool",
    "DT_STRING": "string",
}
_LONGEST_TEXT = 600
# What TensorFlow puts in front of the words of an error in a graph.
_TRACEBACK = (
    r"^Graph execution error:\s*Detected at node [^\n]*\n"
    r"(?:<stack traces unavailable>\n?|(?:[ \t][^\n]*)?\n)*"
)


def messages():
    """Import what tensorflow-serving-api holds, and gRPC.

    Returns:
      Namespace of grpc, the modules predict_pb2, get_model_metadata_pb2 and prediction_log_pb2,
      and PredictionServiceStub.

    Raises:
      ValueError: a package is not installed; says how to get it.
    """
    try:
        import grpc
        from tensorflow_serving.apis import (
            get_model_metadata_pb2,
            predict_pb2,
            prediction_log_pb2,
            prediction_service_pb2_grpc,
        )
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package not in ("grpc", "tensorflow_serving"):
            raise
        name = {"grpc": "grpcio"}.get(package, "tensorflow-serving-api")
        raise UserError(
            f'the package {name} is not installed; pip install "tfwave[serving]" brings it'
        ) from None
    return types.SimpleNamespace(
        grpc=grpc,
        predict_pb2=predict_pb2,
        get_model_metadata_pb2=get_model_metadata_pb2,
        prediction_log_pb2=prediction_log_pb2,
        PredictionServiceStub=prediction_service_pb2_grpc.PredictionServiceStub,
    )


def plain(text):
    """Shorten a status text to one line of 600 characters, without TensorFlow's node names."""
    text = re.sub(_TRACEBACK, "", text)
    text = re.sub(r"\{\{function_node .*?\}\}|\[\[\{\{.*?\}\}.*?\]\]|\[Op:[^\]]*\]", " ", text)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 3] + "..."


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input or output of a signature.

    Attributes:
      dtype: NumPy's name of it, "string", or TensorFlow's name of one that NumPy lacks.
      shape: tuple of sizes, None for each that is free; None if even the rank is.
    """

    dtype: str
    shape: tuple | None

    def __str__(self):
        if self.shape is None:
            return f"{self.dtype} of any shape"
        return f"{self.dtype} {shape_text(self.shape)}"

    def fits(self, shape):
        """Return whether a shape (tuple of sizes) is one of the tensor's."""
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            own is None or size == own for size, own in zip(shape, self.shape, strict=True)
        )


@dataclasses.dataclass(frozen=True)
class Signature:
    """Named inputs and outputs: two dicts {name: Tensor}."""

    inputs: dict
    outputs: dict


@dataclasses.dataclass(frozen=True)
class Metadata:
    """Version and {name: Signature} of a served model."""

    version: int
    signatures: dict


def shape_text(shape):
    """Format a shape, with ? for sizes that are free."""
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def signatures_from_messages(definitions):
    """Return {name: Signature} of a map {name: SignatureDef}, without what TensorFlow adds."""
    from tensorflow.core.framework import types_pb2

    def tensor(info):
        shape = info.tensor_shape
        dtype = types_pb2.DataType.Name(info.dtype)  # pyright: ignore[reportAttributeAccessIssue]
        sizes = None if shape.unknown_rank else [dim.size for dim in shape.dim]
        return _tensor(dtype, sizes)

    return {
        name: Signature(
            *(
                {k: tensor(v) for k, v in part.items()}
                for part in (definition.inputs, definition.outputs)
            )
        )
        for name, definition in sorted(definitions.items())
        if not name.startswith("__")
    }


def signatures_from_json(definitions):
    """Return {name: Signature} of the JSON of such a map.

    Raises:
      KeyError, TypeError, ValueError, AttributeError: it is none.
    """

    def tensor(info):
        shape = info.get("tensor_shape", {})
        sizes = [int(dim.get("size", 0)) for dim in shape.get("dim", [])]
        return _tensor(info["dtype"], None if shape.get("unknown_rank") else sizes)

    return {
        name: Signature(
            *(
                {k: tensor(v) for k, v in definition.get(part, {}).items()}
                for part in ("inputs", "outputs")
            )
        )
        for name, definition in sorted(definitions.items())
        if not name.startswith("__")
    }


def _tensor(dtype, sizes):
    if sizes is not None:
        sizes = tuple(None if size < 0 else size for size in sizes)
    return Tensor(dtype_name(dtype), sizes)


def dtype_name(name: str) -> str:
    """Return NumPy's name of a dtype that TensorFlow names ("DT_FLOAT"); see `Tensor`."""
    return _DTYPES.get(name, name)


def to_json(value, text=False):
    """Convert an array to nested lists; bytes become {"b64": ...}, or text if that is asked for.

    Args:
      value: array or nested list of numbers, truth values, strings or bytes, or one of these.
      text: whether bytes are UTF-8 text.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "OSU":
        return array.tolist()
    if array.dtype.kind == "S":  # which would cut off zero bytes at the end
        array = np.asarray(value, object)
    if array.ndim:
        return [to_json(part, text) for part in array]
    value = array.item()
    if isinstance(value, str):
        return value
    if text:
        return value.decode("utf-8", "replace")
    return {"b64": base64.b64encode(value).decode("ascii")}


def from_json(value, dtype, name):
    """Convert nested lists to an array.

    Args:
      value: number, truth value, string, {"b64": ...}, or lists of them nested as deep as the
        array has dimensions.
      dtype: as in `Tensor`.
      name: of the input or output, for the errors.

    Returns:
      NumPy array of the dtype; for "string" an object array of bytes.

    Raises:
      ValueError: the value is no such thing, or beyond what the dtype holds.
    """
    if dtype == "string":
        array = np.array(_byte_strings(value, name), object)
        if not all(isinstance(item, bytes) for item in array.flat):
            raise ValueError(f'"{name}": the lists must have one length')
        return array
    try:
        target, numbers = np.dtype(dtype), np.array(value)
    except (TypeError, ValueError):
        raise ValueError(f'"{name}": not {dtype} values in lists of one length') from None
    allowed = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}[target.kind]
    if numbers.size and numbers.dtype.kind not in allowed:
        raise ValueError(f'"{name}": not {dtype} values in lists of one length')
    with np.errstate(over="ignore"):
        array = numbers.astype(target)
    if target.kind == "f":
        beyond = not np.array_equal(np.isfinite(array), np.isfinite(numbers))
    else:
        beyond = not np.array_equal(array, numbers)
    if beyond:
        raise ValueError(f'"{name}": a number is beyond what {dtype} holds')
    return array


def _byte_strings(value, name):
    """Return the nested lists with bytes in the place of strings and {"b64": ...}."""
    if isinstance(value, list):
        return [_byte_strings(part, name) for part in value]
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except ValueError:
            raise ValueError(f'"{name}": not valid base64') from None
    raise ValueError(f'"{name}": not a string, nor an object with "b64" alone')
