import json
import os
import stat
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from tests.training import tiny_training
from tfwave.training import checkpoints


@pytest.fixture(scope="module")
def model():
    return tiny_training.make_model()


def at_step(model, step):
    """Put a model into a state that tells the step."""
    model.step.assign(step)
    for variable in model.trainable_variables:
        variable.assign(tf.zeros_like(variable) + float(step))
    return model


def save(directory, model, step, keep=2):
    checkpoints.save_newest(directory, at_step(model, step), step, keep, {"seconds": step / 2})


def restored(directory, which="latest"):
    fresh = tiny_training.make_model()
    step = checkpoints.restore(directory, fresh, which)
    assert int(fresh.step) == step
    for variable in fresh.trainable_variables:
        np.testing.assert_array_equal(variable, float(step))
    return step


def damage(path):
    """Change one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_keeps_the_newest(tmp_path, model):
    for step in (5, 7, 100000000):
        save(tmp_path, model, step)
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["step_00000007", "step_100000000"]
    assert restored(tmp_path) == 100000000


def test_resume_brings_back_optimisers_and_facts(tmp_path):
    trained = tiny_training.make_model()
    trained.train_step(next(iter(tiny_training.batches(0, 0, 1))))
    checkpoints.save_newest(tmp_path, trained, 1, 2, {"seconds": 2.5})
    fresh = tiny_training.make_model(seed=1)
    manifest = checkpoints.resume(tmp_path, fresh)
    assert manifest["step"] == 1 and manifest["seconds"] == 2.5
    moved = 0
    for a, b in zip(tiny_training.weights(trained), tiny_training.weights(fresh), strict=True):
        np.testing.assert_array_equal(a, b)
        moved += bool(np.any(a))
    assert moved > 10


def test_resume_without_checkpoints_gives_none(tmp_path, model):
    assert checkpoints.resume(tmp_path, model) is None


@pytest.mark.parametrize("file", ["weights.index", "weights.data-00000-of-00001"])
@pytest.mark.parametrize("how", ["cut", "changed", "missing", "empty"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, model, file, how):
    save(tmp_path, model, 1)
    save(tmp_path, model, 2)
    path = tmp_path / "checkpoints" / "step_00000002" / file
    if how == "cut":
        os.truncate(path, path.stat().st_size - 1)
    elif how == "changed":
        damage(path)
    elif how == "missing":
        path.unlink()
    else:
        path.write_bytes(b"")
    notes = []
    assert checkpoints.resume(tmp_path, tiny_training.make_model(), notes.append)["step"] == 1
    assert len(notes) == 1 and "step_00000002" in notes[0] and file in notes[0]
    assert restored(tmp_path) == 1
    checkpoints.tidy(tmp_path, 1)
    assert os.listdir(tmp_path / "checkpoints") == ["step_00000001"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"step": 2, "files": [1]}'])
def test_a_damaged_manifest_is_a_damaged_checkpoint(tmp_path, model, content):
    save(tmp_path, model, 1)
    save(tmp_path, model, 2)
    (tmp_path / "checkpoints" / "step_00000002" / "manifest.json").write_text(content)
    assert restored(tmp_path) == 1


def test_only_damaged_checkpoints_are_an_error_that_names_them(tmp_path, model):
    save(tmp_path, model, 1)
    damage(tmp_path / "checkpoints" / "step_00000001" / "weights.index")
    with pytest.raises(OSError, match="step_00000001 is damaged .*SHA-256.*remove .*checkpoints"):
        checkpoints.resume(tmp_path, model, lambda note: None)
    with pytest.raises(OSError, match="step_00000001 is damaged"):
        checkpoints.restore(tmp_path, model, "latest")


def test_what_a_killed_write_leaves_is_ignored_and_removed(tmp_path, model):
    save(tmp_path, model, 1)
    left = tmp_path / "checkpoints" / ".writing-123"
    left.mkdir()
    (left / "weights.index").write_bytes(b"half")
    assert restored(tmp_path) == 1
    checkpoints.tidy(tmp_path, 1)
    assert os.listdir(tmp_path / "checkpoints") == ["step_00000001"]


def test_a_failing_write_leaves_the_previous_checkpoint(tmp_path, model, monkeypatch):
    save(tmp_path, model, 1)

    def full(self, path):
        with open(path + ".index", "wb") as file:
            file.write(b"half")
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.train.Checkpoint, "write", full)
    with pytest.raises(OSError) as caught:
        save(tmp_path, model, 2)
    assert str(caught.value) == (
        f"{tmp_path}/checkpoints: cannot save the checkpoint of step 2 (No space left on device); "
        "earlier checkpoints are intact"
    )
    with pytest.raises(OSError, match="cannot save the checkpoint of step 2"):
        checkpoints.save_best(tmp_path, model, 2, 1.0)
    monkeypatch.undo()
    assert restored(tmp_path) == 1
    assert os.listdir(tmp_path / "checkpoints") == ["step_00000001"]


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path, model):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("may not mount a small disk")
    try:
        save(disk, model, 1)
        refused = 0
        # From no room to room enough, so that each file in turn is the one that fails.
        for room in range(0, 40000, 4096):
            (disk / "filler").write_bytes(b"")
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
            (disk / "filler").write_bytes(bytes(max(0, free - room)))
            try:
                save(disk, model, 2)
                assert restored(disk) == 2
            except OSError as error:
                assert "cannot save the checkpoint of step 2" in str(error)
                assert "no space left" in str(error).lower()
                assert restored(disk) == 1
                refused += 1
        assert 2 <= refused < 10
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_best_is_replaced_whole(tmp_path, model):
    assert checkpoints.read_best(tmp_path) is None
    with pytest.raises(OSError, match="holds no best weights"):
        checkpoints.restore(tmp_path, model, "best")
    checkpoints.save_best(tmp_path, at_step(model, 3), 3, 1.5)
    checkpoints.save_best(tmp_path, at_step(model, 8), 8, 2.5)
    assert checkpoints.read_best(tmp_path) == {"step": 8, "score": 2.5, "folder": "step_00000008"}
    assert sorted(os.listdir(tmp_path / "best")) == ["best.json", "step_00000008"]
    assert restored(tmp_path, "best") == 8


def test_best_stays_when_the_process_dies_before_it_is_named(tmp_path, model, monkeypatch):
    checkpoints.save_best(tmp_path, at_step(model, 3), 3, 1.5)

    class Killed(BaseException):
        pass

    def die(path, value):
        if path.endswith("best.json"):
            raise Killed
        path_write(path, value)

    path_write = checkpoints.files.write_json
    monkeypatch.setattr(checkpoints.files, "write_json", die)
    with pytest.raises(Killed):
        checkpoints.save_best(tmp_path, at_step(model, 8), 8, 2.5)
    monkeypatch.undo()
    assert restored(tmp_path, "best") == 3
    checkpoints.save_best(tmp_path, at_step(model, 8), 8, 2.5)
    assert restored(tmp_path, "best") == 8


def test_weights_load_into_a_model_that_is_not_compiled(tmp_path, model):
    save(tmp_path, model, 4)
    plain = tiny_training.TinyGAN()
    assert checkpoints.restore(tmp_path, plain, "latest") == 4
    np.testing.assert_array_equal(plain.generator.trainable_variables[0], 4.0)


def test_a_model_that_does_not_fit_is_refused(tmp_path, model):
    save(tmp_path, model, 4)
    other = tiny_training.make_model()
    other.extra = tf.Variable(1.0)
    with pytest.raises(OSError, match="step_00000004: does not fit this model"):
        checkpoints.resume(tmp_path, other)
    with pytest.raises(OSError, match="does not fit this model"):
        checkpoints.restore(tmp_path, other, "latest")


def test_which_is_checked(tmp_path, model):
    with pytest.raises(ValueError, match="'best' or 'latest', not 'newest'"):
        checkpoints.restore(tmp_path, model, "newest")
    with pytest.raises(OSError, match="no checkpoint was saved yet"):
        checkpoints.restore(tmp_path, model, "latest")


def test_the_manifest_lists_sizes_and_sums(tmp_path, model):
    save(tmp_path, model, 1)
    folder = tmp_path / "checkpoints" / "step_00000001"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == set(os.listdir(folder)) - {"manifest.json"}
    assert stat.S_IMODE(folder.stat().st_mode) & 0o700 == 0o700
