"""Comparisons with golden vectors of the WaveGAN authors' evaluation scripts.

Every function takes a golden (`inputs`, `weights` and `outputs`: dicts of arrays; `cfg`: dict;
`name`) and returns a list of (name, worst absolute error, tolerance). Sizes and settings come from
the golden, so that vectors of other dimensions or seeds work too.
"""

import numpy as np

from tfwave.audio.filter_bank import filter_bank
from tfwave.goldens import Check
from tfwave.metrics.inception_score import inception_score
from tfwave.metrics.similarity import nearest_distance, similarity_features
from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.digit_classifier.digit_classifier import DigitClassifier
from tfwave.models.digit_classifier.weights import load_arrays

# In float32, mel bands below this natural logarithm are rounding errors of the Fourier transform
# in the presence of a loud sound of another frequency.
_QUIET = -6.0


def check_inception_score(golden):
    """Compare the scores of every stored softmax matrix, with float32 predictions.

    Returns:
      List of (name, error, tolerance) over means and standard deviations. Where the authors'
      formula gives NaN, NaN is expected (error 0, else infinity), and the form that starts from
      logits must be finite.
    """
    results = []
    for name, expected in golden.outputs.items():
        matrix, _, rest = name.partition("/")
        if rest == "labels":
            labels = np.argmax(golden.inputs[f"softmax/{matrix}"], axis=1)
            results.append((name, _error(labels, expected), 0.0))
        if not rest.endswith("/mean"):
            continue
        splits = int(rest[1:].split("/")[0])
        probabilities = golden.inputs[f"softmax/{matrix}"]
        mean, std = inception_score(probabilities, splits)
        expected_std = golden.outputs[name[: -len("mean")] + "std"]
        results.append((name, _error(mean, expected), 2e-5))
        results.append((name[: -len("mean")] + "std", _error(std, expected_std), 2e-5))
        logits = np.log(np.maximum(probabilities, 1e-30))
        from_logits, _ = inception_score(splits=splits, logits=logits)
        if np.isnan(expected):
            error = 0.0 if np.isfinite(from_logits) else np.inf
        else:
            error = _error(from_logits, expected)
        results.append((f"{name} from logits", error, 2e-4))
    return results


def check_similarity_feats(golden):
    """Compare the log-mel features behind |D|self and |D|train, file by file.

    Returns:
      List of (name, error, tolerance): the worst difference outside very quiet bands, where
      float32 transforms differ, and the mean difference over everything.
    """
    cfg, expected = golden.cfg, golden.outputs["feats"]
    hop_length = cfg.get("hop", 128)
    features = []
    for i, dtype in enumerate(cfg["dtypes"]):
        waveform = golden.inputs[f"wav_{i:02d}"].astype(dtype)[np.newaxis]
        features.append(
            similarity_features(
                waveform,
                scaled_as_int16=False,
                slice_len=cfg.get("slice_len", expected.shape[1] * hop_length),
                frame_length=cfg.get("nfft", 2048),
                hop_length=hop_length,
                n_mels=cfg.get("n_mels", expected.shape[2]),
                f_min=cfg.get("fmin", 40.0),
                f_max=cfg.get("fmax", 7800.0),
                floor=cfg.get("log_eps", 1e-6),
            )[0]
        )
    difference = np.abs(np.stack(features) - expected)
    audible = expected > _QUIET
    return [
        ("feats", float(difference[audible].max(initial=0.0)), 2e-2),
        ("feats, mean error", float(difference.mean()), 5e-4),
    ]


def check_similarity_dist(golden):
    """Compare nearest-neighbour distances.

    Names of outputs: `D_self_X` is set X against itself, `D_train_X` X against `train`,
    `D_train_X_to_Y` X against Y, and `_no_exclude` allows a clip to be its own neighbour.

    Returns:
      List of (name, error, tolerance) over means and standard deviations.
    """
    results = []
    for name in golden.outputs:
        case, _, field = name.rpartition("/")
        if field != "mean":
            continue
        query, reference, exclude_self = _distance_case(case)
        statistics = nearest_distance(golden.inputs[query], golden.inputs[reference], exclude_self)
        for field, value in zip(("mean", "std"), statistics, strict=True):
            expected = golden.outputs[f"{case}/{field}"]
            # The stored results are rounded to float32.
            tolerance = 1e-5 + 1e-6 * abs(float(expected))
            results.append((f"{case}/{field}", _error(value, expected), tolerance))
    return results


def check_sc09_classifier_graph(golden):
    """Compare the digit classifier layer by layer with the authors' exported graph.

    The front end is compared on all clips, where a band is above the rounding errors of
    float32. The network is fed with the golden's log-mel spectrograms.

    Returns:
      List of (name, error, tolerance).
    """
    outputs = golden.outputs
    weights = golden.weights or _weights_by_recipe(golden.cfg)
    classifier = DigitClassifier(_classifier_config(golden, weights))
    load_arrays(classifier, weights)
    config = classifier.config
    results = []
    expected = outputs["log_mel"]
    difference = np.abs(classifier.log_mel(golden.inputs["x"]).numpy() - expected)
    audible = (expected > _QUIET) | (golden.inputs["x"] == 0).all(axis=1)[:, np.newaxis, np.newaxis]
    results.append(("log_mel", float(difference[audible].max(initial=0.0)), 1e-2))
    if "mel_matrix" in outputs:
        ours = filter_bank(
            config.sample_rate,
            config.frame_length,
            config.n_mels,
            config.f_min,
            config.f_max,
            formula="htk",
            norm="none",
            straight_in="mel",
        )
        results.append(("mel_matrix", _error(ours.T, outputs["mel_matrix"]), 1e-6))
    for layer, value in _layers(classifier, expected).items():
        results.extend(_compare_layer(layer, value, outputs))
    logits = classifier.network(expected).numpy()
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores = exponentials / exponentials.sum(axis=1, keepdims=True)
    results.append(("logits", _error(logits, outputs["logits"]), 5e-4))
    results.append(("scores", _error(scores, outputs["scores"]), 1e-4))
    return results


def _classifier_config(golden, weights):
    log_mel = golden.outputs["log_mel"]
    slice_len = golden.inputs["x"].shape[1]
    frame_length = 1024
    if "mel_matrix" in golden.outputs:
        frame_length = 2 * (golden.outputs["mel_matrix"].shape[0] - 1)
    kernel = weights["classifier/conv2d/kernel"]
    return DigitClassifierConfig(
        slice_len=slice_len,
        frame_length=frame_length,
        hop_length=-(-slice_len // log_mel.shape[1]),
        n_mels=log_mel.shape[2],
        filters=kernel.shape[3],
        kernel_size=kernel.shape[0],
        blocks=sum(name.endswith("/kernel") for name in weights) - 1,
        classes=golden.outputs["logits"].shape[1],
    )


def _weights_by_recipe(cfg):
    """Draw the weights by the recipe of the golden's README, which replaces storing them."""
    random = np.random.RandomState(cfg["seed"])
    weights = {}
    for name in sorted(cfg["weight_checks"]):
        shape = cfg["weight_checks"][name]["shape"]
        field = name.rsplit("/", 1)[1]
        if field == "moving_variance":
            value = 0.5 + random.random_sample(shape)
        else:
            value = random.standard_normal(shape)
        if field == "kernel":
            value = value * np.sqrt(2 / np.prod(shape[:-1]))
        elif field == "gamma":
            value = 1 + 0.2 * value
        elif field != "moving_variance":
            value = 0.1 * value
        if name == "classifier/batch_normalization/moving_mean":
            value = value - 4
        if name == "classifier/batch_normalization/moving_variance":
            value = value * 9
        weights[name] = value.astype(np.float32)
    return weights


def _layers(classifier, log_mel):
    """Run the network and return the output of each layer under the golden's names."""
    layers = {}
    x = classifier.input_norm(log_mel, training=False)[..., np.newaxis]
    for i, convolution in enumerate(classifier.convolutions):
        if i:
            x = layers[f"bn{i}"] = classifier.norms[i - 1](x, training=False)
        layers[f"conv{i}"] = convolution(x)
        x = layers[f"pool{i}"] = classifier.pool(layers[f"conv{i}"])
    layers["bn_flat"] = classifier.flat_norm(classifier.flatten(x), training=False)
    return {name: value.numpy() for name, value in layers.items()}


def _compare_layer(layer, value, outputs):
    views = {
        f"mean_hw/{layer}": lambda: value.mean(axis=(1, 2), dtype=np.float64),
        f"corner/{layer}": lambda: value[:, :3, :3],
        f"corner_end/{layer}": lambda: value[:, -3:, -3:],
        layer: lambda: value,
    }
    for name, view in views.items():
        if name in outputs:
            expected = outputs[name]
            yield name, _error(view()[: len(expected)], expected), 2e-4


def _distance_case(case):
    """Split a name such as 'D_train_feats_b_to_a' into query, reference and self exclusion."""
    if case.startswith("D_self_"):
        name = case[len("D_self_") :]
        return name, name, True
    name = case[len("D_train_") :]
    if name.endswith("_no_exclude"):
        name = name[: -len("_no_exclude")]
        return name, name, False
    if "_to_" in name:
        query, reference = name.split("_to_")
        return query, query[: -len(reference)] + reference, False
    return name, "train", False


def _error(value, expected):
    value, expected = np.asarray(value, np.float64), np.asarray(expected, np.float64)
    if value.shape != expected.shape:
        return np.inf
    if np.any(np.isnan(value) != np.isnan(expected)):
        return np.inf
    return float(np.nan_to_num(np.abs(value - expected)).max(initial=0.0))


CHECKS = (
    Check(run=check_inception_score, function="eval/inception/score.py"),
    Check(run=check_sc09_classifier_graph, function="eval/inception/infer"),
    Check(run=check_similarity_feats, function="eval/similarity/feats.py"),
    Check(run=check_similarity_dist, function="eval/similarity/sim.py"),
)
