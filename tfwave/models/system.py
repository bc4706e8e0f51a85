"""Base class of all systems: a Keras model that describes itself.

Tools, tables, exports and reports read the properties of a system instead of keeping lists of
systems: the input of `generate` (`kind`), the contents of a training batch (`batch_spec`), the
curves of its training (`curves`), the number that selects its best weights (`selection`).
"""

import dataclasses
import importlib
import io
import os
from collections.abc import Iterable
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfwave import files
from tfwave.audio import mel as mels
from tfwave.audio.mel import MelConfig
from tfwave.audio.pictures import summarize_clips
from tfwave.errors import UserError
from tfwave.layers.tracking import inner_variable, step_counter, trained_variables

# Inputs of `generate`: latents, a mel spectrogram, or the preceding samples; "none" for systems
# that do not generate audio.
KINDS = ("latents", "mel", "samples", "none")
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "weights.npz"


@dataclasses.dataclass(frozen=True)
class Curve:
    """Scalar that training logs.

    Attributes:
      name: key in the dictionary that `train_step` or `test_step` returns.
      chart: title of the chart that draws it; curves of one title share a chart.
      lower_is_better: whether it is a cost; None where neither direction is better.
      shown: whether the progress line shows it.
    """

    name: str
    chart: str
    lower_is_better: bool | None = None
    shown: bool = False

    @property
    def held_out(self) -> "Curve":
        """Return the curve of the same number on held-out recordings, as training logs it."""
        return dataclasses.replace(self, name=f"held_out_{self.name}")


def charts(curves: Iterable[Curve], names: Iterable[str]) -> dict[str, list[str]]:
    """Assign logged scalars to charts.

    Args:
      curves: declared curves, in the order of their charts.
      names: scalars that were logged; one that is not declared gets a chart of its own.

    Returns:
      {title of the chart: names of its scalars}.
    """
    names, titles = list(names), {}
    for curve in curves:
        if curve.name in names:
            titles.setdefault(curve.chart, []).append(curve.name)
    declared = {curve.name for curve in curves}
    for name in names:
        if name not in declared:
            titles[name.replace("_", " ").capitalize()] = [name]
    return titles


@dataclasses.dataclass(frozen=True)
class BatchSpec:
    """Contents of one training batch of a system.

    Attributes:
      columns: keys of the batch, a dictionary of arrays.
      slice_len: number of samples of a row that are generated or predicted.
      context: number of samples before them that serve only as context.
      frame_padding: number of frames of features on each side that serve only as context.
      updates: number of batches of clips that one training step consumes.
    """

    columns: tuple[str, ...]
    slice_len: int
    context: int = 0
    frame_padding: int = 0
    updates: int = 1


class System(keras.Model):
    """Model of a paper with its training update, its generation and its description.

    Args:
      config: an instance of `config_class`; None for the published configuration.
      seed: seed of the initial weights and of every draw of training.
      mel: front end of the mel spectrograms that condition it, for systems whose configuration
        does not include one.

    Attributes:
      config: the configuration.
      kind: input that `generate` starts from, one of `KINDS`; a property where it depends on the
        configuration.
      seed: int.
      step: int64 variable, the number of updates done.
    """

    config_class: ClassVar[type]
    kind: str
    curves: ClassVar[tuple[Curve, ...]] = ()
    selection: ClassVar[Curve | None] = None
    networks: ClassVar[tuple[str, ...]] = ("network",)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        keras.saving.register_keras_serializable(package="tfwave")(cls)

    def __init__(self, config: Any = None, seed: int = 0, mel: MelConfig | None = None):
        super().__init__()
        self.config = self.config_class() if config is None else config
        self.seed = seed
        self._mel = mel
        self.step = step_counter()

    @classmethod
    def all_curves(cls) -> tuple[Curve, ...]:
        """Return the curves of training and of the held-out number that selects the weights."""
        return cls.curves if cls.selection is None else (*cls.curves, cls.selection.held_out)

    @property
    def mel(self) -> MelConfig | None:
        """Front end of the mel spectrograms that condition the system, None where there is none."""
        return getattr(self.config, "mel", None) or self._mel

    @property
    def sample_rate(self) -> int:
        """Samples per second of the waveforms."""
        return self.config.sample_rate

    def batch_spec(self, samples: int | None = None) -> BatchSpec:
        """Describe one training batch.

        Args:
          samples: length of a row for autoregressive systems, None for the published one; other
            systems have a fixed length.
        """
        raise NotImplementedError

    def compile(self, run_eagerly: bool = False, **optimizers: keras.optimizers.Optimizer):
        """Set the optimisers, which default to those of the paper.

        Args:
          run_eagerly: passed to Keras, for debugging.
          **optimizers: `optimizer`, or one `NETWORK_optimizer` for each of several networks.
        """
        names = [self._optimizer_name(network) for network in self.networks]
        for name in optimizers.keys() - set(names):
            raise TypeError(f"{type(self).__name__} has no {name}; it has {', '.join(names)}")
        for network, name in zip(self.networks, names, strict=True):
            optimizer = optimizers.get(name) or self.default_optimizer(network)
            optimizer.build(self._trained_by(network))
            if name != "optimizer":
                setattr(self, name, optimizer)
        # XLA on the convolutions of a training step is many times slower on CPUs.
        super().compile(
            optimizer=optimizer if len(names) == 1 else getattr(self, names[0]),
            run_eagerly=run_eagerly,
            jit_compile=False,
        )

    def default_optimizer(self, network: str) -> keras.optimizers.Optimizer:
        """Return the paper's optimiser of one of `networks`."""
        raise NotImplementedError

    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """Return the optimisers of a compiled system by attribute; empty before `compile`."""
        names = map(self._optimizer_name, self.networks)
        values = {name: getattr(self, name, None) for name in names}
        return {name: optimizer for name, optimizer in values.items() if optimizer is not None}

    def _optimizer_name(self, network):
        return "optimizer" if len(self.networks) == 1 else f"{network}_optimizer"

    def _trained_by(self, network):
        return trained_variables(self if len(self.networks) == 1 else getattr(self, network))

    def gradients_of(self, compute_loss, variables=None):
        """Differentiate a loss, scaled by this replica's share of the whole batch.

        Args:
          compute_loss: function without arguments that returns a tuple whose first item is the
            loss, a mean over this replica's rows.
          variables: variables to differentiate with respect to; None for all trained ones.

        Returns:
          (the result of `compute_loss`, gradients in the order of the variables).
        """
        variables = trained_variables(self) if variables is None else variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            values = compute_loss()
            scaled = values[0] / tf.distribute.get_strategy().num_replicas_in_sync
        # Some outputs are unused, such as the residual one of a last layer.
        return values, tape.gradient(scaled, variables, unconnected_gradients="zero")

    def mel_spectrogram(self, waveform: tf.Tensor) -> tf.Tensor:
        """Compute the mel spectrogram that conditions the system.

        Args:
          waveform: float32 [batch, time] in [-1, 1], at `sample_rate`.

        Returns:
          float32 [batch, frames, n_mels].

        Raises:
          UserError: the system takes no mel spectrograms.
        """
        if self.mel is None:
            raise UserError(f"this {type(self).__name__} takes no mel spectrograms")
        return mels.mel_spectrogram(waveform, self.mel)

    def copy_synthesis(self, waveform: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Resynthesise recordings from their mel spectrograms.

        Args:
          waveform: float32 [batch, time] in [-1, 1], at `sample_rate`.
          **kwargs: arguments of `generate`, such as `seed`.

        Returns:
          float32 [batch, time', 1] in [-1, 1].

        Raises:
          UserError: the system takes no mel spectrograms.
        """
        return self.generate(self.mel_spectrogram(waveform), **kwargs)

    def summaries(self, step: int, data: dict[str, tf.Tensor]) -> None:
        """Write audio and images of recordings and of their copy-synthesis.

        A default summary writer must be set.

        Args:
          step: step at which they are logged.
          data: a batch, as a dict.
        """
        recordings = data["waveform"][:2]
        copies = self.copy_synthesis(recordings, seed=self.seed)
        clips = {"real": recordings[:, :, tf.newaxis], "generated": copies}
        summarize_clips(clips, self.sample_rate, step)

    def describe(self) -> dict[str, Any]:
        """Return the description that `load` reads, ready for JSON: system, config and mel."""
        return describe(type(self), self.config, self.mel)

    def count_params(self) -> int:
        """Return the number of parameters in all variables except `step`."""
        variables = self.named_variables()
        return sum(v.shape.num_elements() for name, v in variables.items() if name != "step")

    def named_variables(self) -> dict[str, tf.Variable]:
        """Return every variable under a name that is the same in both Keras versions.

        A name is the path of attributes and layer names that leads to the variable, such as
        "generator/upconv_0/kernel".
        """
        names = {}
        _name_variables(self, "", names, set())
        return names

    def save(self, directory: Any, overwrite: bool = True, **kwargs: Any) -> None:
        """Write the description and the weights to a directory that `tfwave.load` reads.

        Args:
          directory: folder, created when missing; or, as in Keras, a file NAME.keras.
          overwrite: whether an existing NAME.keras is replaced.
          **kwargs: passed to Keras for NAME.keras.

        Raises:
          OSError: the files cannot be written.
        """
        directory = os.fspath(directory)
        if directory.endswith(".keras"):
            super().save(directory, overwrite=overwrite, **kwargs)
            return
        os.makedirs(directory, exist_ok=True)
        buffer = io.BytesIO()
        np.savez(buffer, **{n: v.numpy() for n, v in self.named_variables().items()})
        files.atomic_write(os.path.join(directory, WEIGHTS_FILE), buffer.getbuffer())
        files.write_json(os.path.join(directory, CONFIG_FILE), self.describe())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, ready for JSON."""
        return {
            "config": dataclasses.asdict(self.config),
            "seed": self.seed,
            "mel": None if self._mel is None else dataclasses.asdict(self._mel),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "System":
        """Build the system from the result of `get_config`."""
        del custom_objects
        mel = config.get("mel")
        return cls(
            cls.config_class(**config["config"]),
            config.get("seed", 0),
            **({} if mel is None else {"mel": MelConfig(**mel)}),
        )

    @classmethod
    def from_authors(cls, path: str | os.PathLike, config: Any = None, **kwargs: Any) -> "System":
        """Build the system with weights from the authors' code.

        Args:
          path: file, or prefix of a TensorFlow 1 checkpoint; see `from_authors` in the `weights.py`
            of the system's folder.
          config: an instance of `config_class`; None to infer it from the weights.
          **kwargs: fields of the configuration that the weights do not determine, and further
            arguments of that function.

        Raises:
          UserError: the file is damaged or holds another system, or no reader exists for
            this system.
        """
        try:
            weights = importlib.import_module(f"{cls.__module__.rpartition('.')[0]}.weights")
        except ModuleNotFoundError:
            weights = None
        if not hasattr(weights, "from_authors"):
            raise UserError(f"{cls.__name__}: there is no reader of the authors' weights")
        model = weights.from_authors(path, config, **kwargs)
        if type(model) is not cls:
            raise UserError(f"{os.fspath(path)}: holds a {type(model).__name__}, no {cls.__name__}")
        return model

    def save_own_variables(self, store):
        """Write all variables to a Keras store under their names."""
        for name, variable in self.named_variables().items():
            store[name] = variable.numpy()

    def load_own_variables(self, store):
        """Read all variables from a Keras store."""
        for name, variable in self.named_variables().items():
            variable.assign(np.asarray(store[name]))


class NetworkSystem(System):
    """System of one network and one optimiser.

    Subclasses set `network_class`, the class of the network; it is called with (config, seed).

    Attributes:
      network: the built network.
    """

    network_class: ClassVar[type]

    def __init__(self, config: Any = None, seed: int = 0, mel: MelConfig | None = None):
        super().__init__(config, seed, mel)
        self.network = self.network_class(self._network_config(), seed)
        self.network.build()
        self.built = True

    def _network_config(self):
        return self.config

    def update(self, gradients):
        """Apply gradients, in the order of the trained variables, and count the step."""
        self.optimizer.apply_gradients(zip(gradients, trained_variables(self), strict=True))
        self.step.assign_add(1)


def describe(system: type[System], config: Any, mel: MelConfig | None = None) -> dict[str, Any]:
    """Return the description from which `load` builds a system, ready for JSON.

    Args:
      system: the system's class.
      config: its configuration.
      mel: its front end, where the configuration includes none.
    """
    mel = getattr(config, "mel", None) or mel
    return {
        "system": system.__name__,
        "config": dataclasses.asdict(config),
        "mel": None if mel is None else dataclasses.asdict(mel),
    }


def _name_variables(layer, prefix, names, seen):
    """Fill `names` with {name: tf.Variable} of a layer and the layers in it."""
    children = list(layer._flatten_layers(recursive=False, include_self=False))
    inside = {id(inner_variable(v)) for child in children for v in child.variables}
    attributes = vars(layer)
    # Keras 2 counts the variables of modules as the layer's own, Keras 3 does not.
    for holder, value in attributes.items():
        if isinstance(value, tf.Module) and not isinstance(value, keras.layers.Layer):
            for variable in value.variables:
                seen.add(id(variable))
                names[f"{prefix}{holder}/{_own_name(variable)}"] = variable
    # Keras 2 keeps counters of its own in private attributes.
    private = {id(v) for n, v in attributes.items() if n.startswith("_")}
    own = [v for v in attributes.values() if isinstance(v, tf.Variable)]
    for variable in map(inner_variable, [*layer.variables, *own]):
        name = _own_name(variable)
        if id(variable) in inside | private | seen or name == "seed_generator_state":
            continue
        seen.add(id(variable))
        if prefix + name in names:
            raise ValueError(f"two variables are called {prefix + name}; name their layers")
        names[prefix + name] = variable
    for child in children:
        holders = [n for n, v in attributes.items() if v is child and not n.startswith("_")]
        _name_variables(child, f"{prefix}{(holders or [child.name])[0]}/", names, seen)


def _own_name(variable):
    return variable.name.split("/")[-1].split(":")[0]
