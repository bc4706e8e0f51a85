"""What TensorFlow 2.15 wrote loads here, whichever TensorFlow this is."""

import pathlib
import zipfile

import numpy as np
import tensorflow as tf

FILE = pathlib.Path(__file__).with_name("data") / "written_by_tf215.zip"


def test_a_saved_model_of_tensorflow_2_15_answers_as_it_did(tmp_path):
    with zipfile.ZipFile(FILE) as file:
        file.extractall(tmp_path)
    loaded = tf.saved_model.load(str(tmp_path)).signatures
    request = {k: tf.constant(v) for k, v in np.load(tmp_path / "request.npz").items()}
    made = loaded["serving_default"](**request)["waveform"]
    np.testing.assert_allclose(made, np.load(tmp_path / "reply.npy"), atol=1e-5)
    (files,) = loaded["wav"](**request).values()
    audio = tf.stack([tf.audio.decode_wav(file).audio for file in files])
    np.testing.assert_allclose(audio, made, atol=1.01 / 32768)
