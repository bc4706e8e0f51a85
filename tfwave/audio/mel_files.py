"""Mel spectrograms in files that record how they were computed.

Public codes pass bare arrays on, and a vocoder that is given the mel spectrogram of another front
end answers with noise or, worse, with something that is nearly right. An .npz of numpy holds the
array "mel", float32 [frames, n_mels], and the fields of its `MelConfig` as JSON in "config".
"""

import dataclasses
import json
import zipfile

import numpy as np

from tfwave.audio import mel
from tfwave.errors import UserError
from tfwave.files import atomic_write

SUFFIX = ".npz"


def write_mel(path, features, config):
    """Write a mel spectrogram.

    Args:
      path: the file, .npz.
      features: float array [frames, n_mels].
      config: MelConfig that it was computed with.

    Raises:
      OSError: it cannot be written.
    """
    fields = json.dumps(dataclasses.asdict(config))
    features = np.asarray(features, np.float32)
    atomic_write(path, lambda file: np.savez(file, mel=features, config=np.array(fields)))


def read_mel(path, config):
    """Read a mel spectrogram for a model.

    Args:
      path: the file, as `write_mel` wrote it, or .npy of [frames, n_mels], which does not say how
        it was computed.
      config: MelConfig of the model.

    Returns:
      float32 [frames, n_mels], finite.

    Raises:
      OSError: the file cannot be read.
      UserError: it is no such file, was computed by another front end, or has another shape; one
        sentence that names the file.
    """
    try:
        content = np.load(path)
        if isinstance(content, np.ndarray):
            features, other = content.astype(np.float32), config
        else:
            with content:
                features = content["mel"].astype(np.float32)
                other = mel.MelConfig(**json.loads(str(content["config"])))
    except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} holds no mel spectrogram ({error})") from None
    differences = mel.differences(other, config)
    if differences:
        raise UserError(f"{path} was computed by another front end than the model's: {differences}")
    if features.ndim != 2 or features.shape[1] != config.n_mels:
        raise UserError(f"{path} holds {features.shape}; the model takes [frames, {config.n_mels}]")
    if not np.isfinite(features).all():
        raise UserError(f"{path} holds NaN or infinity")
    return features
