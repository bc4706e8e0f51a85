"""Ratings by listeners are read, and refused with a reason."""

import pytest

from tfwave import files
from tfwave.repro.ratings import read_ratings


def _read(folder, content, judged_columns):
    files.write_json(folder / "ratings.json", content)
    return read_ratings(folder, ["wavegan", "specgan"], judged_columns)


def test_no_file_means_no_ratings(tmp_path, judged_columns):
    assert read_ratings(tmp_path, ["wavegan"], judged_columns) == {}


def test_good_ratings_come_back(tmp_path, judged_columns):
    content = {
        "wavegan": {"quality": {"mean": 2.5, "pm": 0.1, "n": 30}, "human_accuracy": {"mean": 0.5}}
    }
    assert _read(tmp_path, content, judged_columns) == content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "object of rows"),
        ({"wavenet": {}}, "no row 'wavenet'"),
        ({"wavegan": 3}, "object of columns"),
        ({"wavegan": {"noise": {"mean": 1}}}, "do not judge 'noise'"),
        ({"wavegan": {"quality": 3}}, "object with mean"),
        ({"wavegan": {"quality": {"pm": 3}}}, "object with mean"),
        ({"wavegan": {"quality": {"mean": 3, "sd": 1}}}, "object with mean"),
        ({"wavegan": {"quality": {"mean": "good"}}}, "mean must be a number"),
        ({"wavegan": {"quality": {"mean": None}}}, "mean must be a number"),
        ({"wavegan": {"quality": {"mean": True}}}, "mean must be a number"),
        ({"wavegan": {"quality": {"mean": 5.1}}}, "between 1 and 5"),
        ({"wavegan": {"human_accuracy": {"mean": 58}}}, "between 0 and 1"),
        ({"wavegan": {"quality": {"mean": 3, "pm": -1}}}, "pm must not be negative"),
        ({"wavegan": {"quality": {"mean": 3, "n": 0}}}, "n must be a positive"),
        ({"wavegan": {"quality": {"mean": 3, "n": 2.5}}}, "n must be a positive"),
    ],
)
def test_bad_ratings_are_refused_by_name(tmp_path, judged_columns, content, words):
    with pytest.raises(ValueError, match="ratings.json: .*" + words):
        _read(tmp_path, content, judged_columns)


def test_not_finite_rating_is_refused(tmp_path, judged_columns):
    (tmp_path / "ratings.json").write_text('{"wavegan": {"quality": {"mean": NaN}}}')
    with pytest.raises(ValueError, match="must be finite"):
        read_ratings(tmp_path, ["wavegan"], judged_columns)
