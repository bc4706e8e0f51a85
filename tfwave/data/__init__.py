"""Corpora as `tf.data` pipelines: real recordings, any folder of audio, built-in speech."""
