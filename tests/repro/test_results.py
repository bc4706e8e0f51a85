"""Rows are cached by configuration, refused when it differs, and merged."""

import json

import pytest

from tfwave import files
from tfwave.repro import results as runner


def test_rows_do_not_depend_on_precision_and_texts(results, add_row):
    def load(**settings):
        changed = runner.Results(results.path, {**results.settings, **settings})
        return changed.load("wavegan", {"row": "wavegan", "classifier": "c"})

    add_row(results, "wavegan")
    assert load(precision="mixed_bfloat16") and load(texts={"corpus": "b"})
    with pytest.raises(runner.ConfigurationError, match="seed is 0 there and 1 here"):
        load(seed=1)


def test_finished_row_is_found_again(results, add_row):
    add_row(results, "wavegan")
    again = runner.open_results(results.path, results.settings)
    found = again.load("wavegan", {"row": "wavegan", "classifier": "c"})
    assert found["scores"]["inception_score"]["mean"] == 2.0
    assert set(found["provenance"]) >= {"git", "packages", "python", "system"}
    assert again.load("specgan") is None


def test_row_of_another_configuration_is_refused(results, add_row):
    add_row(results, "wavegan")
    with pytest.raises(runner.ConfigurationError, match='classifier is "c" there and "d" here'):
        results.load("wavegan", {"row": "wavegan", "classifier": "d"})


def test_folder_of_another_configuration_is_refused_with_the_difference(results):
    with pytest.raises(runner.ConfigurationError, match="seed is 0 there and 1 here"):
        runner.open_results(results.path, {**results.settings, "seed": 1})
    assert files.read_json(results.path / "config.json")["seed"] == 0


def test_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        runner.claim_folder(tmp_path / "file" / "out", {})


def test_claiming_leaves_nothing_behind(tmp_path):
    runner.claim_folder(tmp_path / "out", {"seed": 0})
    assert list((tmp_path / "out").iterdir()) == []


def test_damaged_result_is_named(results, add_row):
    add_row(results, "wavegan")
    (results.row_dir("wavegan") / "result.json").write_text('{"slug": ')
    with pytest.raises(ValueError, match="result.json: not valid JSON"):
        results.load("wavegan")


def _other(tmp_path, results, **changes):
    return runner.open_results(tmp_path / "other", {**results.settings, **changes})


def test_merge_copies_rows_without_their_training(tmp_path, results, add_row):
    other = _other(tmp_path, results, precision="mixed_bfloat16")
    add_row(other, "specgan")
    (other.row_dir("specgan") / "train").mkdir()
    assert runner.merge(results, [other.path]) == [("specgan", str(other.path))]
    assert results.load("specgan", {"row": "specgan", "classifier": "c"})["merged"]
    assert (results.row_dir("specgan") / "samples/clip_00.wav").exists()
    assert (results.row_dir("specgan") / "curves.json").exists()
    assert not (results.row_dir("specgan") / "train").exists()
    assert runner.merge(results, [other.path]) == []


def test_merge_refuses_another_preset(tmp_path, results):
    other = _other(tmp_path, results, preset={"name": "paper"})
    with pytest.raises(runner.ConfigurationError, match="cannot be merged: preset.name"):
        runner.merge(results, [other.path])


def test_merge_refuses_another_classifier(tmp_path, results, add_row):
    other = _other(tmp_path, results)
    add_row(results, "wavegan")
    add_row(other, "specgan", classifier="d")
    with pytest.raises(runner.ConfigurationError, match="row specgan: classifier is"):
        runner.merge(results, [other.path], agreeing=("classifier",))


def test_merge_names_conflicting_numbers(tmp_path, results, add_row):
    other = _other(tmp_path, results)
    add_row(results, "wavegan", score=2.0)
    add_row(other, "wavegan", score=2.0001)
    assert runner.merge(results, [other.path]) == []
    add_row(other, "wavegan", score=2.5)
    with pytest.raises(runner.ConfigurationError, match="inception_score is 2.5 there and 2.0"):
        runner.merge(results, [other.path])


def test_merge_refuses_a_folder_without_results(tmp_path, results):
    with pytest.raises(runner.ConfigurationError, match="not a result folder"):
        runner.merge(results, [tmp_path])


def test_result_files_are_plain_json(results, add_row):
    add_row(results, "wavegan")
    text = (results.row_dir("wavegan") / "result.json").read_text(encoding="utf-8")
    assert text.endswith("}\n") and json.loads(text)["settings"] == results.settings
