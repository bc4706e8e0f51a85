"""The names that WaveGAN's and SpecGAN's variables have in the authors' TF1 checkpoints."""

import keras

from tfwave.errors import UserError
from tfwave.layers.convolution import Conv1D, Conv1DTranspose

_TF1_LAYERS = (
    (keras.layers.Conv2DTranspose, "conv2d_transpose"),
    (keras.layers.Conv2D, "conv2d"),
    (Conv1DTranspose, "conv2d_transpose"),  # the authors' have a kernel of height 1
    (Conv1D, "conv1d"),
)


def tf1_variables(model) -> dict:
    """Map TF1 variable names to variables.

    Args:
      model: WaveGAN or SpecGAN.

    Returns:
      {name such as "G/upconv_0/conv2d_transpose/kernel": Keras variable}.
    """
    generator, critic = model.generator, model.discriminator
    layers = {"G/z_project/dense": generator.z_project, "D/output/dense": critic.score}
    for i, layer in enumerate(generator.upconvs):
        layers[f"G/upconv_{i}/{_tf1_layer(layer)}"] = layer
    for i, layer in enumerate(generator.batch_norms):
        scope = "z_project" if i == 0 else f"upconv_{i - 1}"
        layers[f"G/{scope}/batch_normalization"] = layer
    if getattr(generator, "post_filter", None) is not None:
        layers["G/pp_filt/conv1d"] = generator.post_filter
    for i, layer in enumerate(critic.downconvs):
        layers[f"D/downconv_{i}/{_tf1_layer(layer)}"] = layer
    for i, layer in enumerate(critic.batch_norms):
        layers[f"D/downconv_{i + 1}/batch_normalization"] = layer
    names = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
    return {
        f"{scope}/{name}": getattr(layer, name)
        for scope, layer in layers.items()
        for name in names
        if getattr(layer, name, None) is not None
    }


def assign_tf1_variables(model, values: dict):
    """Give variables the values of their TF1 namesakes.

    Args:
      model: WaveGAN or SpecGAN.
      values: {TF1 name: array}. The authors' one-dimensional transposed kernels have a leading axis
        of 1.

    Raises:
      UserError: a name that the model does not have, or an array of another size.
    """
    variables = tf1_variables(model)
    for name, value in values.items():
        if name not in variables:
            raise UserError(f"{type(model).__name__} of this configuration has no variable {name}")
        shape = tuple(variables[name].shape)
        if tuple(value.shape) not in (shape, (1, *shape)):
            raise UserError(f"{name} has shape {value.shape}; the model's is {shape}")
        variables[name].assign(value.reshape(shape))


def _tf1_layer(layer):
    return next(name for kind, name in _TF1_LAYERS if isinstance(layer, kind))
