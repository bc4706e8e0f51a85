"""Result folders of earlier versions are read in today's form."""

import pytest

from tfwave.repro import legacy


def test_batch_sizes_of_models_are_dropped_and_those_of_presets_kept():
    settings = {
        "preset": {"batch_size": 2, "configs": [["melgan", {"batch_size": 16, "channels": 2}]]},
        "model": {"batch_size": 16, "channels": 2},
        "pair": [{"model": {"batch_size": 16, "units": 3}}, {"row": "wavenet"}],
    }
    assert legacy.upgrade_settings(settings) == {
        "preset": {"batch_size": 2, "configs": [["melgan", {"channels": 2}]]},
        "model": {"channels": 2},
        "pair": [{"model": {"units": 3}}, {"row": "wavenet"}],
    }


def test_settings_of_today_stay_as_they_are():
    settings = {"table": "x", "preset": {"training": [["waveglow", 120, 4]]}, "seed": 0}
    assert legacy.upgrade_settings(settings) == settings


def test_counts_follow_from_the_scores_where_none_are_stored():
    scores = {"a": {"mean": 1.0, "n": 1000}, "b": {"mean": 1.0, "n": 50_000}, "c": {"mean": 2.0}}
    assert legacy.upgrade_result({"scores": scores})["counts"] == "50,000 and 1,000 clips"
    assert legacy.upgrade_result({"scores": {}, "counts": "3 files"})["counts"] == "3 files"


def test_a_row_of_a_figure_has_scores_and_settings_of_a_table():
    side = {"median": 2e-6, "min": 1e-6, "max": 5e-6}
    result = legacy.upgrade_result(
        {
            "slug": "layers_01",
            "layers": 1,
            "receptive_field": 3,
            "naive": {**side, "median": 4e-6},
            "queues": side,
            "settings": {"figure": "fast_wavenet", "seed": 0},
            "row_settings": {"layers": 1},
        }
    )
    assert result["settings"] == {"table": "fast_wavenet_figure", "seed": 0}
    assert result["row_settings"] == {"row": "layers_01"}
    assert result["scores"]["ratio"]["mean"] == pytest.approx(2)
    assert result["scores"]["queues"] == pytest.approx({"mean": 2.0, "pm": 2.0})
