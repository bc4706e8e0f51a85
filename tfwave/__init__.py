"""tfwave: neural audio synthesis papers, reproduced in TensorFlow and Keras.

One file per paper system stands in `tfwave.models`; `paper_repro/` holds one short script per
paper table and `tools/` what a person runs besides. Importing this package does no work.
"""

__version__ = "0.1.0"
