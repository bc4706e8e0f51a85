"""The golden vectors that the project ships come out of it, and a wrong one is caught."""

import importlib.util
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# These are compared whole, in one process, by tests/models and tests/audio.
BY_OTHER_TESTS = ("mel", "melgan", "waveglow", "wavernn", "parallelwavegan", "world")
ELSEWHERE = ("metrics",)  # of another layout, read by tests/metrics


def _check(run_script, folders):
    done = run_script("tools/check_goldens.py", *folders, timeout=600)
    count = sum(len(list(folder.glob("*.npz"))) for folder in folders)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{count} passed, 0 failed" in done.stdout


def _folders(goldens):
    folders = [path for path in goldens.iterdir() if path.is_dir()]
    return sorted(path for path in folders if path.name not in ELSEWHERE)


def test_shipped_goldens_pass(run_script, goldens):
    _check(run_script, [path for path in _folders(goldens) if path.name not in BY_OTHER_TESTS])


@pytest.mark.slow
def test_all_shipped_goldens_pass(run_script, goldens):
    if importlib.util.find_spec("pyworld") is None:
        pytest.skip("pyworld is not installed")
    _check(run_script, _folders(goldens))


@pytest.mark.skipif(importlib.util.find_spec("pyworld") is not None, reason="pyworld is installed")
def test_a_missing_package_fails_in_one_sentence(run_script, goldens):
    done = run_script("tools/check_goldens.py", goldens / "world" / "world_3_lucas.npz")
    assert done.returncode == 1
    assert "FAIL" in done.stdout and "the package pyworld is not installed" in done.stdout
    assert "tfwave[vocoder]" in done.stdout and "0 passed, 1 failed" in done.stdout


def test_help_needs_no_tensorflow():
    blocked = "import sys; sys.modules.update(tensorflow=None, keras=None); import runpy; "
    blocked += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    script = str(ROOT / "tools/check_goldens.py")
    done = subprocess.run(
        [sys.executable, "-c", blocked, script, "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert "--[no]verbose" in done.stdout and "Traceback" not in done.stderr


def _copy(source, target, **changes):
    with np.load(source) as arrays:
        np.savez(target, **{**arrays, **changes})


def test_a_changed_vector_fails_by_name(run_script, goldens, tmp_path):
    source = goldens / "wavegan" / "train_wgan-gp_ps.npz"
    with np.load(source) as arrays:
        name = "out/after_D2/D/downconv_2/conv1d/kernel"
        changed = arrays[name] + 2e-5  # a fifth of Adam's step
    _copy(source, tmp_path / "train_wgan-gp_ps.npz", **{name: changed})
    done = run_script("tools/check_goldens.py", tmp_path)
    assert done.returncode == 1
    assert "0 passed, 1 failed" in done.stdout and "after_D2/D/downconv_2" in done.stdout


def test_a_case_without_a_check_fails(run_script, tmp_path):
    np.savez(tmp_path / "new.npz", cfg=np.array('{"function": "something_else"}'))
    done = run_script("tools/check_goldens.py", tmp_path)
    assert done.returncode == 1 and "no check for what it ran" in done.stdout


def test_a_case_of_sizes_that_no_model_has_fails(run_script, goldens, tmp_path):
    source = goldens / "melgan" / "melgan_other_sizes.npz"
    with np.load(source) as arrays:
        cfg = json.loads(str(arrays["cfg"])) | {"num_D": 0}
    path = tmp_path / "no_discriminator.npz"
    _copy(source, path, cfg=np.array(json.dumps(cfg)))
    done = run_script("tools/check_goldens.py", path)
    assert done.returncode == 1
    assert "FAIL" in done.stdout and "MelGANConfig.discriminators is 0" in done.stdout


def test_a_case_of_which_nothing_is_known_fails(run_script, goldens, tmp_path):
    with np.load(goldens / "wavegan" / "inception_score.npz") as arrays:
        np.savez(tmp_path / "new.npz", cfg=arrays["cfg"])
    done = run_script("tools/check_goldens.py", tmp_path)
    assert done.returncode == 1 and "its check compares none of its arrays" in done.stdout


@pytest.mark.parametrize(
    "arguments,message",
    [
        ([], "name one or more golden cases"),
        (["/nowhere"], "/nowhere: no such file or folder"),
        (["."], "no golden case"),
    ],
)
def test_mistakes_are_one_sentence(run_script, arguments, message):
    done = run_script("tools/check_goldens.py", *arguments)
    # TensorFlow may write lines of its own before.
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2 and last.startswith("check_goldens.py: error: ")
    assert message in last and "Traceback" not in done.stderr


def test_a_file_that_is_no_golden_is_named(run_script, tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not really")
    done = run_script("tools/check_goldens.py", tmp_path)
    assert done.returncode == 2 and "broken.npz: not a golden case" in done.stderr
