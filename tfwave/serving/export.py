"""SavedModels for TensorFlow Serving, and the files that a server is started with.

    models/NAME/1/                     a version: saved_model.pb, variables/, and in assets.extra/
        tfwave.json                    what it is and what its signatures take and give
        tf_serving_warmup_requests     requests that the server makes to itself when it loads it
    models/models.config               all models of the folder, as the container sees them
    models/batching.config             for --enable_batching
    models/serve.sh                    TensorFlow Serving in Docker

A version is written under a name that no server takes for one and renamed when it is whole. It
holds the variables that its signatures read and no others, and needs neither tfwave nor Python.
"""

import contextlib
import dataclasses
import inspect
import os
import pathlib
import shlex

import numpy as np
import tensorflow as tf

import tfwave
from tfwave import files
from tfwave.errors import UserError
from tfwave.models.system import System
from tfwave.training.directory import reason

_ABOUT = os.path.join("assets.extra", "tfwave.json")
_WARMUP = os.path.join("assets.extra", "tf_serving_warmup_requests")
_MOUNT = "/models"  # where the container has the folder of the models
_XLA_FLAG = "--xla_cpu_compilation_enabled"


class ExportError(OSError):
    """A model cannot be written; the message is one sentence that names the folder."""


@dataclasses.dataclass(frozen=True)
class Exported:
    """A version that was written.

    Attributes:
      path: its folder, whose name is its number.
      size: bytes of all its files.
      signatures: the model's, by name, the main one first.
      warmed: whether it holds warm-up requests; without the package they are left out.
    """

    path: pathlib.Path
    size: int
    signatures: dict
    warmed: bool


def signatures_of(model: System, xla: bool = False) -> dict:
    """Return the signatures of a model, the main one first.

    Args:
      model: a system of tfwave.
      xla: whether the loop that generates samples is compiled.

    Raises:
      UserError: the model has no such loop.
    """
    if not xla:
        return model.signatures()
    if "xla" not in inspect.signature(model.signatures).parameters:
        raise UserError(
            f"{type(model).__name__} has no loop over samples that could be compiled: xla is "
            "for models that go sample by sample"
        )
    return model.signatures(xla=True)


def export_model(model, out, about=None, xla=False):
    """Write the next version of a model.

    Args:
      model: a system of tfwave with its weights.
      out: folder of the model's versions, whose name is the model's; created when missing.
      about: JSON-able dict of what else should be known of it, such as its step.
      xla: see `signatures_of`.

    Returns:
      `Exported`.

    Raises:
      ExportError: it cannot be written. Nothing is left of it then.
      UserError: the folder holds a model of another system; see also `signatures_of`.
    """
    out = pathlib.Path(os.path.abspath(out))
    _check_owner(out, type(model).__name__)
    signatures = signatures_of(model, xla)
    described = {name: function.interface.described() for name, function in signatures.items()}
    facts = {
        **(about or {}),
        **model.describe(),
        "sample_rate": model.sample_rate,
        "tfwave": tfwave.__version__,
        "tensorflow": tf.version.VERSION,
        "xla": xla,
        "serving_default": next(iter(signatures)),
        "signatures": described,
    }
    with _failing_as(out):
        out.mkdir(parents=True, exist_ok=True)
        with files.scratch_folder(out) as name:
            scratch = pathlib.Path(name)
            _save(signatures, scratch)
            files.write_json(scratch / _ABOUT, facts)
            warmed = _write_warmup(scratch / _WARMUP, out.name, signatures)
            for file in [*scratch.rglob("*"), scratch]:
                files.sync(file)
            path = _rename(scratch, out)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return Exported(path, size, signatures, warmed)


def write_server_files(folder):
    """Write models.config, batching.config and serve.sh for all models of a folder.

    Args:
      folder: holds a folder for each model, such as `export_model` writes.

    Returns:
      Names of the models that are there.

    Raises:
      ExportError: they cannot be written.
    """
    folder = pathlib.Path(os.path.abspath(folder))
    with _failing_as(folder):
        models = {
            path.name: newest
            for path in sorted(folder.iterdir())
            if path.is_dir() and (newest := _newest(path))
        }
        entries = "".join(
            f'  config {{\n    name: "{name}"\n    base_path: "{_MOUNT}/{name}"\n'
            '    model_platform: "tensorflow"\n  }\n'
            for name in models
        )
        files.atomic_write(
            folder / "models.config", f"model_config_list {{\n{entries}}}\n".encode()
        )
        files.atomic_write(folder / "batching.config", _BATCHING.encode())
        compiled = any((read_about(path) or {}).get("xla") for path in models.values())
        files.atomic_write(folder / "serve.sh", _serve_script(compiled).encode())
        os.chmod(folder / "serve.sh", 0o755)
    return list(models)


def read_about(version):
    """Read tfwave.json of a version; None where it is missing or broken."""
    try:
        return files.read_json(pathlib.Path(version) / _ABOUT)
    except (OSError, ValueError):
        return None


def versions(out):
    """List the version numbers in a model's folder, in order; none where it is missing."""
    try:
        names = os.listdir(out)
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def _newest(out):
    """Return the folder of the newest version that is a SavedModel, or None."""
    for number in reversed(versions(out)):
        if (out / str(number) / "saved_model.pb").exists():
            return out / str(number)
    return None


def _check_owner(out, system):
    newest = _newest(out) if out.is_dir() else None
    owner = (read_about(newest) or {}).get("system") if newest else system
    if owner != system:
        raise UserError(
            f"{out}: holds versions of {owner or 'a model that tfwave did not write'}, of which a "
            f"{system} can be no next version; choose another folder"
        )


def _save(signatures, folder):
    """Write a SavedModel of functions and the variables that they read."""
    module, kept = tf.Module(), {}
    for name, function in signatures.items():
        for variable in function.get_concrete_function().variables:
            kept[id(variable)] = variable
        setattr(module, name, function)
    module.kept = list(kept.values())
    main = next(iter(signatures.values()))
    tf.saved_model.save(module, str(folder), signatures={"serving_default": main, **signatures})


def _write_warmup(path, name, signatures):
    """Write a request to each signature; returns False where their package is not installed."""
    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError:
        return False
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature_name, function in signatures.items():
            log = prediction_log_pb2.PredictionLog()  # pyright: ignore[reportAttributeAccessIssue]
            request = log.predict_log.request
            request.model_spec.name = name
            request.model_spec.signature_name = signature_name
            for key, value in example_request(function).items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            writer.write(log.SerializeToString())
    return True


def example_request(signature):
    """Return a small request that a signature can answer: {input: array}."""
    return {i.name: np.asarray(i.example, i.dtype) for i in signature.interface.inputs}


def _rename(scratch, out):
    while True:
        path = out / str(max(versions(out), default=0) + 1)
        try:
            os.rename(scratch, path)
        except OSError:
            if not path.exists():  # else another export was faster
                raise
            continue
        files.sync(out)
        return path


@contextlib.contextmanager
def _failing_as(folder):
    """Turn a failed write into one sentence."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise ExportError(f"{folder}: cannot write there ({reason(error)})") from None


_BATCHING = """\
# For the server's --enable_batching, which puts requests that come together into one batch:
#
#     sh serve.sh --enable_batching --batching_parameters_file=/models/batching.config
#
# The server then wants a batch axis on every input, of one size for all, and equal other sizes in
# requests that come together: good for the signatures of latents (WaveGAN, SpecGAN) and for clips
# of one length (digit classifier). It refuses signatures with a count, a seed or a temperature, and
# a bad request spoils those in its batch.
max_batch_size { value: 16 }
batch_timeout_micros { value: 5000 }
max_enqueued_batches { value: 64 }
num_batch_threads { value: 2 }
"""


def _serve_script(compiled):
    note, flag = "", ""
    if compiled:
        note = "# A model here is compiled by XLA, which the server does only when told.\n"
        flag = f"  {_XLA_FLAG} \\\n"
    return f"""\
#!/bin/sh
# TensorFlow Serving in Docker for the models of this folder: gRPC on port 8500, REST on port 8501.
# It listens to this machine only, because the server asks nobody who he is. ADDRESS, GRPC_PORT and
# REST_PORT name others, IMAGE another image; arguments go to the server.
address="${{ADDRESS:-127.0.0.1}}"
{note}exec docker run --rm \\
  -p "$address:${{GRPC_PORT:-8500}}:8500" -p "$address:${{REST_PORT:-8501}}:8501" \\
  --mount type=bind,source="$(cd "$(dirname "$0")" && pwd)",target={shlex.quote(_MOUNT)},readonly \\
  "${{IMAGE:-tensorflow/serving}}" \\
  --model_config_file={_MOUNT}/models.config \\
{flag}  "$@"
"""
