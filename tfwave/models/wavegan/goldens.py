"""Checks of WaveGAN and SpecGAN against golden vectors of the authors' networks and training steps.

Tolerances follow the differences between float32 and float64 runs of the authors' code: networks
2e-5 of the largest value, gradients 2e-4 of each array's largest, magnitudes near the float32 noise
of the Fourier transform by mean and percentile.
"""

import numpy as np
import tensorflow as tf

from tfwave.audio.files import to_int16
from tfwave.goldens import Check, compare
from tfwave.layers.phase_shuffle import phase_shuffle
from tfwave.models.wavegan import specgan
from tfwave.models.wavegan.config import SpecGANConfig, WaveGANConfig
from tfwave.models.wavegan.specgan import SpecGAN
from tfwave.models.wavegan.wavegan import WaveGAN
from tfwave.models.wavegan.weights import authors_arrays, load_arrays

_METHODS = {"zeros": "zeros", "nn": "nearest", "linear": "linear", "cubic": "cubic"}


def check_wavegan_generator(golden):
    """Compare waveform, first activations and int16 export of a generator."""
    model = _model(WaveGAN, golden)
    results = _generator_activations(model.generator, golden)
    latents = golden.inputs["z"]
    waveform = model.generator(latents).numpy()
    results.append(_close("G_z", waveform, golden))
    if "G_z_before_pp" in golden.outputs:
        results.append(_close("G_z_before_pp", model.generator.features(latents)[-1], golden))
    if "G_z_int16" in golden.outputs:
        expected = golden.outputs["G_z_int16"]
        # Truncation turns a difference in the last bit of float32 into one step of int16.
        results.append(compare("G_z_int16", to_int16(waveform), expected, 1.0))
    return results


def check_specgan_generator(golden):
    """Compare spectrogram, first activations, image and two Griffin-Lim rounds of a generator."""
    model = _model(SpecGAN, golden, griffin_lim_iterations=golden.cfg.get("ngl", 2))
    results = _generator_activations(model.generator, golden)
    normalised = model.generator(golden.inputs["z"])
    results.append(_close("G_z_norm", normalised, golden))
    results.append(
        compare("G_z_norm_uint8", specgan.picture(normalised), _uint8(golden, "G_z_norm_uint8"), 1)
    )
    name = f"G_z_ngl{model.config.griffin_lim_iterations}"
    results.append(compare(name, model.render(normalised), golden.outputs[name], 2e-3))
    return results


def check_discriminator(golden):
    """Compare score and activations of a critic of either system."""
    model = _model(SpecGAN if "SpecGAN" in golden.cfg["function"] else WaveGAN, golden)
    shifts = golden.cfg.get("phase_shifts")
    shifts = None if shifts is None else tf.constant([shifts], tf.int32)
    x = tf.constant(golden.inputs["x"])
    features = model.discriminator.features(x, shifts)
    results = [_close("D_x", model.discriminator(x, shifts), golden)]
    for name in golden.outputs:
        if not name.startswith("act/downconv_"):
            continue
        which, _, part = name[len("act/downconv_") :].partition("_")
        feature = features[-1 if which == "last" else int(which)]
        if part.startswith("first"):
            feature = feature[:, : int(part[len("first") :])]
        elif part.startswith("last"):
            feature = feature[:, -int(part[len("last") :]) :]
        results.append(_close(name, feature, golden))
    return results


def check_phase_shuffle(golden):
    """Compare every shift from -radius to radius, exactly."""
    radius = golden.cfg["rad"]
    results = []
    for shift in range(-radius, radius + 1):
        name = f"shift_{'m' if shift < 0 else 'p' if shift > 0 else ''}{abs(shift)}"
        moved = phase_shuffle(tf.constant(golden.inputs["x"]), tf.constant([shift]), radius)
        results.append(compare(name, moved, golden.outputs[name], 0.0))
    return results


def check_training_step(golden):
    """Compare losses, penalty, gradients, one generator step and two critic steps."""
    return _generator_update(golden) + _critic_updates(golden)


def check_moments(golden):
    """Compare mean and standard deviation of the log magnitudes."""
    mean, std = specgan.compute_moments([tf.constant(golden.inputs["x"])])
    expected = golden.outputs
    return [
        compare("mean", mean, expected["mean"], 1e-3),
        compare("std", std, expected["std"], 1e-3),
    ]


def check_features(golden):
    """Compare normalised spectrograms of waveforms, and their images."""
    model = _specgan(golden, clip_std=golden.cfg.get("clip_nstd", 3.0))
    features = model.represent(tf.constant(golden.inputs["x"]))
    difference = np.abs(features.numpy() - golden.outputs["X_norm"])
    pixels = specgan.picture(features).numpy() != _uint8(golden, "img_uint8")
    return [
        ("X_norm mean", float(difference.mean()), 1e-4),
        ("X_norm 99.9 percentile", float(np.percentile(difference, 99.9)), 1e-2),
        ("img_uint8 share of other pixels", float(pixels.mean()), 1e-2),
    ]


def check_inversion(golden):
    """Compare waveforms from spectrograms for each number of Griffin-Lim rounds."""
    results = []
    for name in sorted(golden.outputs):
        rounds = int(name[len("x_ngl") :])
        model = _specgan(golden, griffin_lim_iterations=rounds)
        waveform = model.render(tf.constant(golden.inputs["X_norm"]))
        results.append(compare(name, waveform, golden.outputs[name], 1e-3))
    return results


def _model(kind, golden, **options):
    """Build the system of a golden, with the golden's weights."""
    cfg = golden.cfg
    config = {
        "model_dim": cfg["dim"],
        "kernel_len": cfg["kernel_len"],
        "latent_dim": cfg.get("latent_dim", 1),
        "loss": cfg.get("loss", "wgan-gp"),
        "upsample": _METHODS[cfg.get("upsample", "zeros")],
        "batch_norm": bool(cfg.get("use_batchnorm", False)),
        "phase_shuffle": cfg.get("phaseshuffle_rad", 0),
        **options,
    }
    if kind is WaveGAN:
        config["slice_len"] = cfg["slice_len"]
        config["channels"] = cfg["nch"]
        config["post_filter_len"] = cfg.get("pp_len") or 0
        model = WaveGAN(WaveGANConfig(**config))
    else:
        model = SpecGAN(SpecGANConfig(**config))
        _set_moments(model, golden)
    load_arrays(model, golden.weights)
    return model


def _specgan(golden, **options):
    model = SpecGAN(SpecGANConfig(model_dim=1, latent_dim=1, **options))
    _set_moments(model, golden)
    return model


def _set_moments(model, golden):
    if "moments_mean" in golden.inputs:
        model.set_moments(golden.inputs["moments_mean"], golden.inputs["moments_std"])


def _generator_activations(generator, golden):
    features = generator.features(golden.inputs["z"])
    names = ("act/z_project", "act/upconv_0")
    return [_close(name, features[i], golden) for i, name in enumerate(names)]


def _generator_update(golden):
    model = _compiled(golden)
    shifts = _phase_shifts(golden)
    metrics, gradients = model.generator_gradients(
        golden.inputs["z"], None if shifts is None else shifts[1:2]
    )
    results = [_loss("G_loss", metrics, golden)]
    results += _gradients(model, gradients, golden, "G/")
    model.apply_generator_gradients(gradients)
    return results + _weights(model, golden, "G/", "after_G1")


def _critic_updates(golden):
    model = _compiled(golden)
    real = tf.constant(golden.inputs["x"] if not _is_spec(golden) else golden.outputs["x_feat"])
    fake = model.generator(golden.inputs["z"])
    alpha, shifts = golden.inputs.get("alpha"), _phase_shifts(golden)
    rows = [None] * 3 if shifts is None else [shifts[i : i + 1] for i in range(3)]
    results = [
        _close("D_x", model.discriminator(real, rows[0]), golden),
        _close("D_G_z", model.discriminator(fake, rows[1]), golden),
    ]
    metrics, gradients = model.critic_gradients(real, fake, alpha, shifts)
    results.append(_loss("D_loss", metrics, golden))
    if alpha is not None:
        results.append(_loss("gradient_penalty", metrics, golden))
        slope = model.input_gradients(real, fake, alpha, rows[2]).numpy()
        results.append(_close("grad_interpolates", slope, golden, 1e-4))
        norms = np.sqrt(np.square(slope).sum(axis=tuple(range(1, slope.ndim))))
        expected = golden.outputs["slopes"]
        results.append(compare("slopes", norms.reshape(expected.shape), expected, 1e-5))
    results += _gradients(model, gradients, golden, "D/")
    model.apply_critic_gradients(gradients)
    results += _weights(model, golden, "D/", "after_D1")
    if model.config.loss == "wgan":
        model.clip_critic()
        results += _weights(model, golden, "D/", "after_D1_clip")
    _, gradients = model.critic_gradients(real, fake, alpha, shifts)
    model.apply_critic_gradients(gradients)
    return results + _weights(model, golden, "D/", "after_D2")


def _compiled(golden):
    model = _model(SpecGAN if _is_spec(golden) else WaveGAN, golden)
    model.compile()
    return model


def _is_spec(golden):
    return "specgan" in golden.cfg["function"]


def _phase_shifts(golden):
    return tf.constant(golden.inputs["phase_shifts"]) if golden.cfg["phaseshuffle_rad"] else None


def _gradients(model, gradients, golden, prefix):
    names = _trained_names(model, prefix)
    return [
        _close(f"grad/{name}", _tf1_shape(gradient, golden.outputs[f"grad/{name}"]), golden, 2e-4)
        for name, gradient in zip(names, gradients, strict=True)
        if not _vanishes(name, golden)
    ]


def _weights(model, golden, prefix, moment):
    """Compare updated weights where the gradient is clearly above its float32 noise.

    Adam divides the gradient by its own size, so that noise around zero becomes a full step.
    """
    parts, results = authors_arrays(model), []
    for name in _trained_names(model, prefix):
        if _vanishes(name, golden):
            continue
        expected = golden.outputs[f"{moment}/{name}"]
        gradient = np.abs(golden.outputs[f"grad/{name}"])
        clear = gradient > 1e-2 * gradient.max()
        step = np.abs(golden.outputs[f"delta_{prefix[0]}1/{name}"]).max()
        error = np.abs(_tf1_shape(parts[name].variable, expected) - expected)[clear]
        error = error.max(initial=0.0)
        results.append((f"{moment}/{name}", float(error), max(0.02 * float(step), 2e-7)))
    return results


def _vanishes(name, golden):
    """Return whether a gradient is only rounding: the critic's last bias in Wasserstein losses."""
    return name == "D/output/dense/bias" and golden.cfg["loss"] in ("wgan", "wgan-gp")


def _trained_names(model, prefix):
    """Return TF1 names in the order of the network's trainable variables."""
    network = model.generator if prefix == "G/" else model.discriminator
    names = {id(part.variable): name for name, part in authors_arrays(model).items()}
    return [names[id(variable)] for variable in network.trainable_variables]


def _tf1_shape(value, expected):
    return np.reshape(tf.convert_to_tensor(value).numpy(), expected.shape)


def _loss(name, metrics, golden):
    expected = float(golden.outputs[name])
    return compare(name, metrics[name], expected, 5e-6 * max(1.0, abs(expected)))


def _close(name, actual, golden, relative=2e-5):
    expected = golden.outputs[name]
    tolerance = relative * max(float(np.abs(expected).max()), 1e-9)
    return compare(name, tf.convert_to_tensor(actual).numpy(), expected, tolerance)


def _uint8(golden, name):
    return golden.outputs[name].astype(np.int64)


CHECKS = (
    Check(run=check_wavegan_generator, function="train_wavegan.infer"),
    Check(run=check_specgan_generator, function="train_specgan.infer"),
    Check(run=check_discriminator, function="WaveGANDiscriminator"),
    Check(run=check_discriminator, function="SpecGANDiscriminator"),
    Check(run=check_phase_shuffle, function="apply_phaseshuffle"),
    Check(run=check_training_step, function="train_wavegan.train"),
    Check(run=check_training_step, function="train_specgan.train"),
    Check(run=check_features, function="train_specgan.t_to_f"),
    Check(run=check_inversion, function="train_specgan.f_to_t"),
    Check(run=check_moments, function="train_specgan.moments"),
)
