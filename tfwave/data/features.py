"""Features of recordings, such as mel spectrograms, computed once and memory-mapped from disk."""

import dataclasses
import os
from collections.abc import Callable, Iterable

import numpy as np
import scipy.fft
import tensorflow as tf

from tfwave.audio import mel
from tfwave.data.corpus import Split
from tfwave.data.store import AudioStore, store_of
from tfwave.errors import UserError

_BLOCK_FRAMES = 4096  # frames of a long recording that are computed at a time


@dataclasses.dataclass(frozen=True)
class Features:
    """Frames of features for every recording of an AudioStore.

    Attributes:
      store: AudioStore of the features, each file's frames one after the other.
      channels: numbers in a frame.
      hop_length: samples of audio from frame to frame; frame i starts at sample i * hop_length.
      silence: float32 [channels], the features before and after a recording.
    """

    store: AudioStore
    channels: int
    hop_length: int
    silence: np.ndarray

    @property
    def lengths(self):
        """Return the frames of each file, int64 [files]."""
        return self.store.lengths // self.channels

    def frames(self, number, start, stop):
        """Return frames start..stop of file `number`, float32 [stop - start, channels].

        Both may lie outside the file; frames there are silence.
        """
        out = np.empty([stop - start, self.channels], np.float32)
        out[:] = self.silence
        first, last = max(start, 0), min(stop, int(self.lengths[number]))
        if last > first:
            values = self.store.frames(number, first * self.channels, last * self.channels)
            out[first - start : last - start] = values.reshape(-1, self.channels)
        return out


def store_features(
    make: Callable[[], Iterable[np.ndarray]],
    split: Split,
    hop_length: int,
    silence,
    cache_dir: str | os.PathLike,
    key,
    progress: bool = True,
) -> Features:
    """Store features of recordings on disk, or open those that an earlier call stored.

    Args:
      make: function that returns an iterator of float32 [frames, channels], one for each file of
        `split`; called only when the features have to be made.
      split: Split of the recordings.
      hop_length: samples from frame to frame.
      silence: float32 [channels], the features of silence.
      cache_dir: folder for the features.
      key: JSON-able value that, with the audio, determines the features.
      progress: show a progress bar.

    Returns:
      Features.

    Raises:
      ValueError: frames have another number of channels than silence, or (a UserError) a file's
        frames do not match the length of its audio; the message names the file.
    """
    audio, silence = split.store, np.asarray(silence, np.float32)

    def flat():
        for name, frames in zip(audio.names, make(), strict=True):
            if frames.ndim != 2 or frames.shape[1] != len(silence):
                raise ValueError(
                    f"{name}: features of shape {tuple(frames.shape)} are no frames of "
                    f"{len(silence)} channels"
                )
            yield np.asarray(frames, np.float32).reshape(-1, 1)

    key = ["features", key, split.fingerprint, hop_length, silence.tolist()]
    store = store_of(
        flat, audio.names, cache_dir, key, audio.sample_rate, "computing features", progress
    )
    features = Features(store, len(silence), hop_length, silence)
    check_features(features, audio)
    return features


def check_features(features: Features, audio: AudioStore) -> None:
    """Check that every file's features are as long as its audio, to within a frame.

    Raises:
      UserError: they are not; the message names the file.
    """
    if len(features.store) != len(audio):
        raise ValueError(f"there are features of {len(features.store)} files for {len(audio)}")
    wrong = np.flatnonzero(
        np.abs(features.lengths * features.hop_length - audio.lengths) > features.hop_length
    )
    if len(wrong):
        number = wrong[0]
        raise UserError(
            f"{audio.names[number]}: {features.lengths[number]} frames of features, one for every "
            f"{features.hop_length} samples, do not match {audio.lengths[number]} samples of audio"
        )


def mel_features(
    split: Split,
    config: mel.MelConfig,
    cache_dir: str | os.PathLike,
    cepstra: int = 0,
    progress: bool = True,
) -> Features:
    """Compute the mel spectrograms of recordings, or open those that an earlier call computed.

    Args:
      split: Split of recordings of one channel.
      config: MelConfig.
      cache_dir: folder for the features.
      cepstra: how many cosines over the bands to keep; 0 for all. A dozen keep the spectral
        envelope, which characterises the phoneme, without the harmonics, which carry the pitch.
      progress: show a progress bar.

    Returns:
      Features.

    Raises:
      UserError: the audio has another sample rate than the configuration.
    """
    audio = split.store
    if audio.sample_rate != config.sample_rate:
        raise UserError(
            f"sample_rate of the mel features is {config.sample_rate} Hz, but the audio has "
            f"{audio.sample_rate} Hz"
        )

    smoothing = envelope_matrix(config.n_mels, cepstra or config.n_mels)

    @tf.function(input_signature=[tf.TensorSpec([1, None], tf.float32)])
    def compute(waveform):
        bands = mel.mel_spectrogram(waveform, config)
        return bands @ smoothing if cepstra else bands

    def make():
        for number in range(len(audio)):
            yield _mel_of(audio, number, config, compute)

    key = ["mel", dataclasses.asdict(config), *([cepstra] if cepstra else [])]
    silence = mel.silence(config) @ smoothing if cepstra else mel.silence(config)
    return store_features(make, split, config.hop_length, silence, cache_dir, key, progress)


def envelope_matrix(bands: int, cepstra: int) -> np.ndarray:
    """Return the projection onto the first `cepstra` cosines of a DCT-II, float32 [bands, bands].

    Raises:
      UserError: there are more cosines than bands, or none.
    """
    if not 1 <= cepstra <= bands:
        raise UserError(f"cepstra must lie between 1 and the {bands} bands, not {cepstra}")
    cosines = np.asarray(scipy.fft.dct(np.eye(bands), norm="ortho"))[:, :cepstra]
    return (cosines @ cosines.T).astype(np.float32)


def _mel_of(audio, number, config, compute):
    """Compute a file's frames block by block, each with real neighbours."""
    length = int(audio.lengths[number])
    total = max(0, mel.frame_count(length, config)) if length else 0
    # Decibels are relative to the loudest frame of the whole file.
    size = total if config.scale == "db" else _BLOCK_FRAMES
    margin = -(-config.n_fft // config.hop_length)
    blocks = [np.zeros([0, config.n_mels], np.float32)]
    for first in range(0, total, max(size, 1)):
        last, before = min(first + size, total), max(first - margin, 0)
        piece = audio.frames(
            number, before * config.hop_length, (last + margin) * config.hop_length
        )
        frames = compute(piece[np.newaxis, :, 0])[0].numpy()
        blocks.append(frames[first - before : last - before])
    return np.concatenate(blocks)
