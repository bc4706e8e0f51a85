"""Initial values of PyTorch's layers, for models whose public code uses PyTorch."""

import math

import keras


def torch_uniform(fan_in, seed=0):
    """Return PyTorch's initializer of kernels and biases: uniform within 1 / sqrt(fan_in).

    Args:
      fan_in: number of inputs summed by an output, in PyTorch's count: input channels / groups
      * width for a convolution, output channels * width for a transposed one, hidden units for
      a GRU.
      seed: seed of the draws.

    Returns:
      A Keras initializer.

    Source: torch.nn.modules.conv, linear and rnn, `reset_parameters`.
    """
    bound = 1.0 / math.sqrt(fan_in)
    return keras.initializers.RandomUniform(-bound, bound, seed=seed)
