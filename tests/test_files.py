"""Files are whole or absent."""

import os
import stat

import pytest

from tfwave.files import atomic_write, first_difference, read_json, write_json


def test_writes_bytes_and_through_a_function(tmp_path):
    atomic_write(tmp_path / "new" / "a.bin", b"abc")
    atomic_write(tmp_path / "b.bin", lambda file: file.write(b"defg"))
    assert (tmp_path / "new" / "a.bin").read_bytes() == b"abc"
    assert (tmp_path / "b.bin").read_bytes() == b"defg"


def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.bin"
    atomic_write(path, b"old")

    def fail(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left.*a.bin"):
        atomic_write(path, fail)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_files_have_the_usual_permissions(tmp_path):
    atomic_write(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    modes = {stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in "ab"}
    assert len(modes) == 1


def test_json_round_trip_is_sorted_and_ends_in_a_newline(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": ["ü", None]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.index('"a"') < text.index('"b"') and text.endswith("}\n") and "ü" in text
    assert read_json(tmp_path / "a.json") == {"b": 1, "a": ["ü", None]}


def test_json_takes_names_that_are_not_unicode(tmp_path):
    name = os.fsdecode(b"caf\xe9.wav")
    write_json(tmp_path / "a.json", [name])
    assert read_json(tmp_path / "a.json") == [name]


def test_broken_json_is_named(tmp_path):
    (tmp_path / "a.json").write_text('{"a": ')
    with pytest.raises(ValueError, match=r"a\.json: not valid JSON"):
        read_json(tmp_path / "a.json")


def test_first_difference_names_the_field_and_both_values():
    here = {"preset": {"name": "quick", "batch_size": 16}, "seed": 0}
    there = {"preset": {"name": "quick", "batch_size": 64}, "seed": 1}
    assert first_difference(here, there) == "preset.batch_size is 64 there and 16 here"
    assert first_difference(here, there, ignore=["preset"]) == "seed is 1 there and 0 here"


def test_first_difference_of_equal_values_is_none():
    assert first_difference({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}) is None
    assert first_difference({"a": (1, 2)}, {"a": [1, 2]}) is None


def test_a_missing_field_is_a_difference_unless_it_is_null():
    assert first_difference({"a": 1}, {}) == "a is not set there and 1 here"
    assert first_difference({}, {"a": "x"}) == 'a is "x" there and not set here'
    assert first_difference({"a": None}, {}) is None
