"""Signals in, signals out: decoding, spectra, phase. No Keras, no flags, no globals."""
