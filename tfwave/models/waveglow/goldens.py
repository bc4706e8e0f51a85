"""Golden vectors of NVIDIA/waveglow and of the mel spectrogram that conditions it."""

import numpy as np
import tensorflow as tf

from tfwave.audio.mel import MelConfig, mel_matrix, mel_spectrogram
from tfwave.audio.spectral import centred_stft, inverse_centred_stft
from tfwave.goldens import BASIS_TOLERANCE, Check, compare, of_largest, relative, torch_array
from tfwave.layers.tracking import inner_variable, trained_variables
from tfwave.models.waveglow.config import WaveGlowConfig
from tfwave.models.waveglow.waveglow import WaveGlow, flow_loss
from tfwave.models.waveglow.weights import authors_arrays, load_arrays

# Several times the error of float32: signals 8e-6, gradients 3e-6, a determinant
# 3e-7 before it is multiplied by the number of groups.
_TOLERANCE = 1e-5
_LOSS_TOLERANCE = 2e-6
_DET_TOLERANCE = 1e-6
_MEL_TOLERANCE = 4e-5  # the reference multiplies by a float32 Fourier matrix


def check_tacotron_mel(golden):
    """Compare magnitudes, mel spectrogram and its inversion for one signal.

    Args:
      golden: Golden with `audio` [time], the mel matrix, `magnitude` [frames, bins] of the first
        frames, `log_mel` [frames, n_mels].

    Returns:
      (name, worst error, tolerance) of each array.
    """
    cfg, outputs = golden.cfg, golden.outputs
    config = MelConfig(
        sample_rate=cfg["sampling_rate"],
        n_fft=cfg["filter_length"],
        hop_length=cfg["hop_length"],
        win_length=cfg["win_length"],
        n_mels=cfg["n_mel_channels"],
        f_min=cfg["mel_fmin"],
        f_max=cfg["mel_fmax"],
    )
    audio = tf.constant(golden.inputs["audio"])[tf.newaxis]
    size = config.n_fft, config.n_fft // 4
    spectrum = centred_stft(audio, *size, padding="reflect")
    back = inverse_centred_stft(spectrum, *size)
    lost = tf.reduce_max(tf.abs(back - audio[:, : back.shape[1]]))
    frames = outputs["magnitude"].shape[0]
    name = "stft_round_trip_max_abs_error"
    return [
        compare("w/mel_basis", mel_matrix(config), golden.weights["mel_basis"], BASIS_TOLERANCE),
        compare(
            "out/magnitude", tf.abs(spectrum)[0, :frames], outputs["magnitude"], _MEL_TOLERANCE
        ),
        compare(
            "out/log_mel", mel_spectrogram(audio, config)[0], outputs["log_mel"], _MEL_TOLERANCE
        ),
        compare(f"out/{name}", lost, outputs[name], _TOLERANCE),
    ]


def check_waveglow(golden):
    """Compare both directions of the flow, the loss and its gradients.

    Args:
      golden: Golden with `mel` [batch, frames, n_mels], `audio` [batch, time], draws for the
        inverse, and the weights under their module paths.

    Returns:
      (name, worst error, tolerance) of each array.
    """
    return compare_waveglow(golden, computed(golden))


def computed(golden):
    """Compute the outputs of a golden from its inputs and weights: {name: tensor}."""
    cfg, model = golden.cfg, waveglow_of(golden)
    mel, audio = tf.constant(golden.inputs["mel"]), tf.constant(golden.inputs["audio"])
    found = {"upsampled_mel": model.network.upsampling(mel, samples=audio.shape[1])}
    variables = trained_variables(model.network)
    with tf.GradientTape() as tape:
        z, log_scales, log_dets = model.network(audio, mel)
        loss = flow_loss(z, log_scales, log_dets, cfg["sigma_loss"])
    gradients = tape.gradient(loss, variables)
    found["z"] = z
    groups = z.shape[0] * z.shape[1]
    for k, mix in enumerate(model.network.mixes):
        found[f"log_s/flow{k:02d}"] = log_scales[k]
        found[f"log_det_W/flow{k:02d}"] = groups * log_dets[k]
        found[f"W_inverse/flow{k:02d}"] = tf.transpose(mix.inverse_kernel())
    for name in golden.outputs:
        if name.startswith("loss/sigma"):
            sigma = float(name.removeprefix("loss/sigma"))
            found[name] = flow_loss(z, log_scales, log_dets, sigma)
    by_variable = {v.ref(): g for v, g in zip(variables, gradients, strict=True)}
    parts = authors_arrays(model)
    for path, array in golden.weights.items():
        part = parts[_torch_array(path, array)[0]]
        gradient = by_variable[inner_variable(part.variable).ref()]
        found[f"grad_loss/{path}"] = tf.reshape(gradient, array.shape)
    # The last channels are drawn first.
    draws = sum(name.startswith("infer_draw") for name in golden.inputs)
    noise = [golden.inputs[f"infer_draw{i}"] for i in reversed(range(draws))]
    noise = np.concatenate(noise, axis=-1)
    for name, sigma in (("infer_audio", cfg["sigma_infer"]), ("infer_audio_sigma0", 0.0)):
        found[name] = model.invert(sigma * noise, mel)[:, :, 0]
    return found


def compare_waveglow(golden, found):
    """Return (name, worst error, tolerance) of each output; missing ones have infinite errors."""
    groups = golden.outputs["z"].shape[0] * golden.outputs["z"].shape[1]
    results = []
    for name, expected in golden.outputs.items():
        if name not in found:
            results.append((f"out/{name}", float("inf"), _TOLERANCE))
        elif name.startswith("log_det_W"):
            tolerance = _DET_TOLERANCE * groups
            results.append(compare(f"out/{name}", found[name], expected, tolerance))
        elif name.startswith("grad_loss"):
            results.append(of_largest(f"out/{name}", found[name], expected, _TOLERANCE))
        elif name.startswith("loss"):
            results.append(relative(f"out/{name}", found[name], expected, _LOSS_TOLERANCE))
        else:
            results.append(relative(f"out/{name}", found[name], expected, _TOLERANCE))
    return results


def waveglow_of(golden):
    """Return the `WaveGlow` of a golden, with its weights."""
    cfg = golden.cfg
    config = WaveGlowConfig(
        mel=MelConfig(hop_length=cfg["upsample_stride"], n_mels=cfg["n_mel_channels"]),
        flows=cfg["n_flows"],
        group=cfg["n_group"],
        early_every=cfg["n_early_every"],
        early_size=cfg["n_early_size"],
        channels=cfg["WN_config"]["n_channels"],
        layers=cfg["WN_config"]["n_layers"],
        kernel_size=cfg["WN_config"]["kernel_size"],
        upsampling_kernel=cfg["upsample_kernel"],
        segment_len=cfg["segment_length"],
    )
    model = WaveGlow(config)
    load_arrays(model, dict(_torch_array(*item) for item in golden.weights.items()))
    return model


def _torch_array(path, array):
    """Call `torch_array`; a matrix is the kernel of a convolution inside its module."""
    if path.startswith("convinv/"):
        path = path.replace("/kernel", "/conv/kernel")
    return torch_array(path, array)


CHECKS = (
    Check(run=check_waveglow, arrays=("in/infer_draw0",)),
    Check(run=check_tacotron_mel, arrays=("out/stft_round_trip_max_abs_error",)),
)
