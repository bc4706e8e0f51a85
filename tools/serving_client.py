"""Send requests to TensorFlow Serving or tools/serve_saved_model.py, and write the replies.

    python tools/serving_client.py --model=wavegan --list
    python tools/serving_client.py --model=wavegan --signature=sample --input count=4 \\
        --input seed=0 --sample_rate=16000 --out_dir=clips
    python tools/serving_client.py --rest=http://localhost:8501 --model=melgan \\
        --signature=copy_synthesis --input waveform=speech.wav --sample_rate=22050 --out_dir=copies

The value of an input is a number, a JSON list, a .npy file, or a recording (wav, flac, mp3, ogg)
for an input that takes a waveform. An output `waveform` becomes one wav file for each clip,
`wav_bytes` likewise, other strings .bin files, and all other outputs .npy files. Files of the same
names are replaced.
"""

import json
import os
import time

import numpy as np
from absl import flags

from tfwave import cli
from tfwave.errors import UserError

_SERVER = flags.DEFINE_string("server", "localhost:8500", "host:port of gRPC.")
_REST = flags.DEFINE_string("rest", None, "http://host:port of the REST API, instead of gRPC.")
_MODEL = flags.DEFINE_string("model", None, "Name of the model.", required=True)
_VERSION = flags.DEFINE_integer(
    "version", None, "Version of the model; by default the newest.", lower_bound=0
)
_SIGNATURE = flags.DEFINE_string("signature", "serving_default", "What to run; see --list.")
_INPUT = flags.DEFINE_multi_string("input", [], "NAME=VALUE, for each input of the signature.")
_LIST = flags.DEFINE_bool("list", False, "Print the signatures of the model and do nothing else.")
_OUT_DIR = flags.DEFINE_string("out_dir", None, "Folder for what the model makes.")
_SAMPLE_RATE = flags.DEFINE_integer(
    "sample_rate",
    None,
    "Hz of the model's waveforms: recordings are resampled to it. Needed for wav files where the "
    "model has no output sample_rate.",
    lower_bound=1,
)
_TIMEOUT = flags.DEFINE_float("timeout", 300.0, "Seconds that an answer may take.")
_WAIT = flags.DEFINE_float("wait", 2.0, "Seconds to wait for a server that is not there yet.")
_MAX_MESSAGE_MB = flags.DEFINE_integer(
    "max_message_mb", 1024, "Largest request and reply, in MiB.", 1, 2047
)

_MOST_CHANNELS = 2  # of a waveform; more is the last size of something else


def describe(model, metadata):
    """Format the signatures of a model."""
    lines = [f"{model}, version {metadata.version}"]
    for name, signature in metadata.signatures.items():
        lines += ["", name]
        lines += [f"  {key}: {tensor}" for key, tensor in sorted(signature.inputs.items())]
        lines += [f"  -> {key}: {tensor}" for key, tensor in sorted(signature.outputs.items())]
    return "\n".join(lines)


def read_inputs(given, wanted, sample_rate):
    """Read the arrays of a signature's inputs.

    Args:
      given: list of "name=value".
      wanted: {name: protocol.Tensor}.
      sample_rate: to which recordings are resampled, Hz, or None.

    Returns:
      {name: array} of the types and shapes of the signature.

    Raises:
      UserError: they do not fit the signature; the message names the input.
      OSError: a file cannot be read.
    """
    takes = ", ".join(f"{name} ({tensor})" for name, tensor in sorted(wanted.items())) or "none"
    arrays = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals:
            raise UserError(f"--input must be NAME=VALUE, not {each!r}")
        if name not in wanted:
            raise UserError(f"--input: there is no input {name!r}; there are: {takes}")
        if name in arrays:
            raise UserError(f"--input: {name} is given twice")
        arrays[name] = read_input(name, text, wanted[name], sample_rate)
    missing = ", ".join(sorted(wanted.keys() - arrays.keys()))
    if missing:
        raise UserError(f"--input: {missing} is missing; the signature takes: {takes}")
    return arrays


def read_input(name, text, tensor, sample_rate):
    """Read the array of one input; arguments and errors as in `read_inputs`."""
    from tfwave.audio.files import EXTENSIONS, load
    from tfwave.serving import protocol

    if tensor.dtype != "string" and text.lower().endswith(EXTENSIONS):
        array = _clip(load(text, sample_rate), tensor)
        if array is None:
            raise UserError(f"--input {name}: {text} is a recording; the model takes {tensor}")
    elif tensor.dtype != "string" and text.lower().endswith(".npy"):
        array = _read_npy(name, text, tensor)
    else:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            if tensor.dtype != "string":
                raise UserError(
                    f"--input {name}: {text!r} is no number, list, .npy file or recording"
                ) from None
            value = text
        if tensor.dtype == "string" and not isinstance(value, list):
            value = text
        array = protocol.from_json(value, tensor.dtype, f"--input {name}")
    if not tensor.fits(array.shape) and tensor.fits((1, *array.shape)):
        array = array[np.newaxis]
    if not tensor.fits(array.shape):
        shape = protocol.shape_text(array.shape)
        raise UserError(f"--input {name}: {text} holds {shape}; the model takes {tensor}")
    return array


def _clip(waveform, tensor):
    """Reshape a waveform [frames, channels] to a tensor's shape; None where it has none."""
    rank = None if tensor.shape is None else len(tensor.shape)
    if not tensor.dtype.startswith("float") or rank not in (1, 2, 3):
        return None
    channels = tensor.shape[2] if rank == 3 else 1
    if (channels or 1) > _MOST_CHANNELS:
        return None
    if channels == 1:
        waveform = waveform.mean(axis=1, keepdims=True)
    elif channels:
        waveform = np.broadcast_to(waveform, [len(waveform), channels])
    waveform = waveform.astype(tensor.dtype)
    return waveform if rank == 3 else waveform[:, 0]


def _read_npy(name, path, tensor):
    try:
        array = np.load(path, allow_pickle=False)
    except (EOFError, ValueError) as error:
        raise UserError(f"--input {name}: {path} is no array of numbers ({error})") from None
    if not isinstance(array, np.ndarray) or not np.can_cast(array.dtype, tensor.dtype, "same_kind"):
        raise UserError(f"--input {name}: {path} holds no array of {tensor.dtype}")
    return array.astype(tensor.dtype)


def write_outputs(outputs, out_dir, sample_rate):
    """Write the outputs of a model.

    Args:
      outputs: {name: array}.
      out_dir: folder.
      sample_rate: of `waveform`, Hz.

    Returns:
      The number of files written.

    Raises:
      UserError: the output `waveform` has no shape of a waveform, or is not finite.
      OSError: a file cannot be written.
    """
    from tfwave.audio.files import write_wav
    from tfwave.files import atomic_write

    written = 0
    for name, array in sorted(outputs.items()):
        stem = os.path.join(out_dir, name)
        if name == "sample_rate":
            continue
        if name == "waveform":
            clips = array if array.ndim > 1 else array[np.newaxis]
            if clips.ndim > 3 or not np.isfinite(clips).all():
                raise UserError(
                    f"the waveform {list(array.shape)} of the server is none, or "
                    "holds numbers that are not finite"
                )
            for number, clip in enumerate(clips):
                write_wav(f"{stem}_{number:06d}.wav", clip, sample_rate)
            written += len(clips)
        elif array.dtype.kind == "O":
            stem, end = (stem[: -len("_bytes")], "wav") if name == "wav_bytes" else (stem, "bin")
            for number, data in enumerate(array.flat):
                atomic_write(f"{stem}_{number:06d}.{end}", data)
            written += array.size
        else:
            atomic_write(f"{stem}.npy", lambda file, array=array: np.save(file, array))
            written += 1
    return written


def rate_of(outputs):
    """Return the sample rate that a model gives with its waveforms, or else --sample_rate."""
    return int(outputs["sample_rate"].flat[0]) if "sample_rate" in outputs else _SAMPLE_RATE.value


def connect():
    """Connect the client that the flags describe."""
    from tfwave.serving.client import GrpcClient
    from tfwave.serving.rest_client import RestClient

    client, address = (RestClient, _REST.value) if _REST.value else (GrpcClient, _SERVER.value)
    return client(
        address,
        _MODEL.value,
        _VERSION.value,
        _TIMEOUT.value,
        _WAIT.value,
        _MAX_MESSAGE_MB.value * 2**20,
    )


def main(argv):
    if len(argv) > 1:
        raise UserError(f"{argv[1]!r} is not a flag; see --help")
    if not _LIST.value and not _OUT_DIR.value:
        raise UserError("give --out_dir, or --list to see the signatures of the model")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with connect() as client:
        metadata = client.metadata()
        if _LIST.value:
            print(describe(_MODEL.value, metadata))
            return
        if _SIGNATURE.value not in metadata.signatures:
            names = ", ".join(metadata.signatures)
            raise UserError(f"--signature: there is no {_SIGNATURE.value!r}; there are: {names}")
        signature = metadata.signatures[_SIGNATURE.value]
        if "waveform" in signature.outputs and "sample_rate" not in signature.outputs:
            if _SAMPLE_RATE.value is None:
                raise UserError("--sample_rate: the model does not tell it; give it")
        inputs = read_inputs(_INPUT.value, signature.inputs, _SAMPLE_RATE.value)
        started = time.perf_counter()
        outputs = client.predict(_SIGNATURE.value, inputs)
        seconds = time.perf_counter() - started
    written = write_outputs(outputs, _OUT_DIR.value, rate_of(outputs))
    print(
        f"{_OUT_DIR.value}: {written} files written ({_SIGNATURE.value} of {_MODEL.value}, "
        f"version {metadata.version}, answered in {seconds:.2f} s)"
    )


if __name__ == "__main__":
    cli.run(main)
