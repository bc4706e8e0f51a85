"""Training to a directory: checkpoints, resuming, summaries and distribution strategies.

`tfwave.training.loop.train` runs a model, `tfwave.training.checkpoints.restore` reads the result.
"""
