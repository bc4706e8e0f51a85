"""Golden vectors of descriptinc/melgan-neurips: features, networks, losses, one training step."""

import numpy as np
import tensorflow as tf

from tfwave.audio.mel import MelConfig, mel_matrix, mel_spectrogram
from tfwave.goldens import (
    BASIS_TOLERANCE,
    Check,
    compare,
    of_largest,
    torch_array,
    torch_state_dict,
)
from tfwave.layers.tracking import inner_variable, trained_variables
from tfwave.models.melgan.config import MelGANConfig
from tfwave.models.melgan.melgan import MelGAN
from tfwave.models.melgan.weights import authors_arrays, load_arrays

# Several times the error of float32: the authors' own float32 runs are 2e-6 off float64.
_TOLERANCE = 1e-5
_MEL_TOLERANCE = 2e-5
# Adam's first step is the rate, 1e-4, times the sign of a gradient, except for gradients of the
# size of its epsilon, which float32 barely resolves.
_WEIGHT_TOLERANCE = 2e-6


def check_audio2mel(golden):
    """Compare the mel spectrogram of one signal.

    Args:
      golden: Golden with `audio` [time], the mel matrix, and `log_mel` [frames, n_mels].

    Returns:
      (name, worst error, tolerance) of each array.
    """
    settings = golden.cfg["audio2mel_case"] if "audio2mel_case" in golden.cfg else golden.cfg
    config = _mel(settings, settings["n_mel_channels"])
    found = mel_spectrogram(golden.inputs["audio"], config)
    return [
        compare("w/mel_basis", mel_matrix(config), golden.weights["mel_basis"], BASIS_TOLERANCE),
        compare("out/log_mel", found, golden.outputs["log_mel"], _MEL_TOLERANCE),
    ]


def check_melgan(golden):
    """Compare every layer, the losses, their gradients and one training step.

    Args:
      golden: Golden with `audio` [batch, time, 1], and the weights of both networks under their
        module paths.

    Returns:
      (name, worst error, tolerance) of each array.
    """
    model = melgan_of(golden)
    waveform = tf.constant(golden.inputs["audio"])
    results = _Results(golden)
    features = model.mel_spectrogram(waveform[:, :, 0])
    results.add("mel", features, _MEL_TOLERANCE)
    *stages, fake = model.generator.activations(tf.constant(golden.outputs["mel"]))
    for number, stage in enumerate(stages):
        results.add(f"gen/stage{number}", stage)
    results.add("gen/audio", fake)
    remade = model.mel_spectrogram(fake[:, :, 0])
    results.add("loss/mel_reconstruction_l1", tf.reduce_mean(tf.abs(remade - features)))
    for name, judged in (("real", waveform), ("fake", fake)):
        for scale, maps in enumerate(model.discriminator(judged)):
            for layer, found in enumerate(maps):
                results.add(f"disc_{name}/scale{scale}/layer{layer}", found)
    _check_losses(model, waveform, fake, results)
    _check_step(model, waveform, results)
    return results.found


def melgan_of(golden):
    """Return the `MelGAN` of a golden, with its weights."""
    cfg = golden.cfg
    config = MelGANConfig(
        mel=_mel(cfg["mel"], cfg["n_mel_channels"]),
        ratios=cfg.get("ratios", MelGANConfig.ratios),
        channels=cfg["ngf"],
        residual_blocks=cfg["n_residual_layers"],
        discriminators=cfg["num_D"],
        discriminator_channels=cfg["ndf"],
        discriminator_layers=cfg["n_layers_D"],
        discriminator_stride=cfg["downsamp_factor"],
        discriminator_max_channels=cfg["channel_cap"],
        segment_len=cfg["seq_len"],
        least_gain=1.0,  # the clips do not come from the loader
    )
    model = MelGAN(config)
    model.compile()
    networks = {
        path[2:]: array for path, array in golden.weights.items() if path.startswith(("G/", "D/"))
    }
    load_arrays(model, torch_state_dict(networks))
    return model


def _mel(settings, bands):
    return MelConfig(
        sample_rate=settings["sampling_rate"],
        n_fft=settings["n_fft"],
        hop_length=settings["hop_length"],
        win_length=settings["win_length"],
        n_mels=bands,
        f_min=settings.get("mel_fmin") or 0.0,
        f_max=settings.get("mel_fmax") or 0.0,
        framing="half_hop",
        scale="log10",
    )


def _check_losses(model, waveform, fake, results):
    loss, real_maps, gradients = model.discriminator_loss_and_gradients(waveform, fake)
    results.add("loss/disc_hinge", loss)
    fake_maps = model.discriminator(fake)
    halves = {"real": [], "fake": []}
    for of_real, of_fake in zip(real_maps, fake_maps, strict=True):
        halves["real"].append(tf.reduce_mean(tf.nn.relu(1.0 - of_real[-1])))
        halves["fake"].append(tf.reduce_mean(tf.nn.relu(1.0 + of_fake[-1])))
    for name, half in halves.items():
        results.add(f"loss/disc_hinge_{name}_per_scale", tf.stack(half))
    variables = trained_variables(model.discriminator)
    _check_gradients(model, "grad_D_of_loss_disc", variables, gradients, results)
    variables = trained_variables(model.generator)
    with tf.GradientTape() as tape:
        again = model.generator(tf.constant(results.golden.outputs["mel"]))
        losses = model.generator_losses(again, real_maps)
    gradients = tape.gradient(losses["total"], variables)
    results.add("loss/gen_adv", losses["adversarial"])
    results.add("loss/feature_matching", losses["feature_matching"])
    results.add("loss/gen_total", losses["total"], 2 * _TOLERANCE)
    _check_gradients(model, "grad_G_of_loss_gen_total", variables, gradients, results)


def _check_gradients(model, prefix, variables, gradients, results):
    by_variable = {v.ref(): g for v, g in zip(variables, gradients, strict=True)}
    for name in results.golden.outputs:
        if name.startswith(prefix):
            part = _part(model, name.removeprefix(prefix + "/"), results.golden.outputs[name])
            gradient = by_variable[inner_variable(part.variable).ref()]
            results.add(name, gradient, compared=of_largest)


def _part(model, path, array):
    """Return the `VariablePart` of the array at a path of a golden."""
    name, _ = torch_array(path, array)
    return authors_arrays(model)[name]


def _check_step(model, waveform, results):
    metrics = model.train_step({"waveform": waveform[:, :, 0]})
    results.add("step/loss_disc", metrics["D_loss"])
    results.add("step/loss_gen_adv_after_D_update", metrics["G_adversarial"])
    results.add("step/loss_feature_matching_after_D_update", metrics["feature_matching"])
    for name, array in results.golden.outputs.items():
        if name.startswith("step/") and name.endswith("/v_after"):
            path = name.removesuffix("_after").split("/", 2)[2]
            results.add(name, _part(model, path, array).variable, _WEIGHT_TOLERANCE)
    again = model.generator(tf.constant(results.golden.outputs["mel"]))
    results.add("step/gen_audio_after_G_update", again)


class _Results:
    """Ordered list of comparisons with the outputs of a golden."""

    def __init__(self, golden):
        self.golden = golden
        self.found = []

    def add(self, name, actual, tolerance=_TOLERANCE, compared=compare):
        expected = self.golden.outputs[name]
        self.found.append(compared(f"out/{name}", np.asarray(actual), expected, tolerance))


CHECKS = (
    Check(run=check_melgan, arrays=("w/audio2mel/mel_basis",)),
    Check(run=check_audio2mel, arrays=("w/window", "out/log_mel")),
)
