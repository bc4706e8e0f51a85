"""Signal processing: decoding, spectra, phase. Nothing here needs Keras, flags or globals."""
