"""Golden vectors of the authors' evaluation scripts come out of ours."""

import json
import pathlib
import types

import numpy as np
import pytest

from tfwave.models.digit_classifier import goldens

ROOT = pathlib.Path(__file__).resolve().parents[3]
FOLDERS = [ROOT / "tests/goldens/wavegan", ROOT.parent / "shared/goldens/wavegan"]
CHECKS = {
    "inception_score": goldens.check_inception_score,
    "similarity_feats": goldens.check_similarity_feats,
    "similarity_dist": goldens.check_similarity_dist,
    "sc09_classifier_graph": goldens.check_sc09_classifier_graph,
}


def load(name):
    path = next((f / f"{name}.npz" for f in FOLDERS if (f / f"{name}.npz").exists()), None)
    if path is None:
        pytest.skip(f"golden wavegan/{name}.npz is not here")
    with np.load(path) as arrays:
        parts = {
            prefix: {k[len(prefix) :]: arrays[k] for k in arrays.files if k.startswith(prefix)}
            for prefix in ("in/", "w/", "out/")
        }
        cfg = json.loads(str(arrays["cfg"]))
    return types.SimpleNamespace(
        name=name, cfg=cfg, inputs=parts["in/"], weights=parts["w/"], outputs=parts["out/"]
    )


@pytest.mark.parametrize("name", CHECKS)
def test_golden_passes_and_every_output_is_compared(name):
    golden = load(name)
    results = CHECKS[name](golden)
    worse = [result for result in results if not result[1] <= result[2]]
    assert results and not worse
    compared = " ".join(result[0] for result in results)
    # These describe the script or are another view of what is compared.
    exempt = ("order_used", "mel_matrix_nonzero", "log_mel_f64", "pred")
    for output in golden.outputs:
        assert output in compared or output.startswith(exempt), output


@pytest.mark.parametrize(
    "name, output",
    [
        ("inception_score", "soft/k5/std"),
        ("similarity_feats", "feats"),
        ("similarity_dist", "D_self_query_dup/mean"),
        ("sc09_classifier_graph", "corner_end/conv0"),
        ("sc09_classifier_graph", "logits"),
    ],
)
def test_a_wrong_golden_fails(name, output):
    golden = load(name)
    golden.outputs[output] = golden.outputs[output] + np.float32(0.05)
    assert any(not error <= tolerance for _, error, tolerance in CHECKS[name](golden))


def test_a_score_that_should_be_nan_must_be():
    golden = load("inception_score")
    golden.outputs["soft/k1/mean"] = np.float32(np.nan)
    assert any(error == np.inf for _, error, _ in goldens.check_inception_score(golden))
