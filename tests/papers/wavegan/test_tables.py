"""Rows and presets of Table 1 are what the paper describes."""

import dataclasses

import pytest

from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.wavegan.config import SpecGANConfig, WaveGANConfig
from tfwave.papers.wavegan.experiment import WaveGANExperiment
from tfwave.papers.wavegan.presets import PRESETS
from tfwave.papers.wavegan.tables import ROWS, TABLE1
from tfwave.repro.rows import select
from tfwave.repro.table import Options


def _config(key):
    row = next(row for row in ROWS if row.key == key)
    make = {"wavegan": WaveGANConfig, "specgan": SpecGANConfig}[row.system]
    return make(**dict(row.changes))


@pytest.mark.parametrize("row", [row for row in ROWS if row.trained], ids=lambda row: row.key)
def test_every_trained_row_builds_a_configuration(row):
    _config(row.key)


def test_rows_differ_from_the_base_in_one_thing_only():
    base = dataclasses.asdict(_config("wavegan"))
    changed = {
        "wavegan_ps2": {"phase_shuffle": 2},
        "wavegan_ps4": {"phase_shuffle": 4},
        "wavegan_nn": {"upsample": "nearest"},
        "wavegan_linear": {"upsample": "linear"},
        "wavegan_cubic": {"upsample": "cubic"},
        "wavegan_pp": {"post_filter_len": 512},
        "wavegan_bn": {"loss": "dcgan", "batch_norm": True},
        "wavegan_dropout": {"dropout": 0.5},
    }
    assert base["phase_shuffle"] == 0
    for key, changes in changed.items():
        assert dataclasses.asdict(_config(key)) == {**base, **changes}
    assert _config("specgan").phase_shuffle == 0 and _config("specgan_ps1").phase_shuffle == 1


def test_paper_preset_is_the_published_configuration():
    paper = PRESETS["paper"]
    assert (paper.model_dim, paper.batch_size, paper.critic_updates) == (64, 64, 5)
    assert paper.wavegan_steps == 200_000
    assert {paper.rate_scale(row) for row in ROWS if row.trained} == {1.0}
    assert (paper.inception_clips, paper.inception_splits) == (50_000, 10)
    assert (paper.selection_clips, paper.distance_clips) == (5_000, 1_000)
    assert DigitClassifierConfig(**dict(paper.classifier)) == DigitClassifierConfig()
    assert paper.classifier_steps == 103_005


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_presets_are_consistent(preset):
    assert preset.inception_clips % preset.inception_splits == 0
    assert preset.selection_clips % preset.inception_splits == 0
    assert preset.distance_clips <= preset.inception_clips
    assert preset.test_clips >= preset.inception_splits
    DigitClassifierConfig(**dict(preset.classifier))


def test_every_row_needs_the_real_test_set(tmp_path):
    experiment = WaveGANExperiment(TABLE1, PRESETS["smoke"], Options(tmp_path, tmp_path))
    needs = {row.key: [need.key for need in experiment.needs(row)] for row in ROWS}
    assert needs.pop("real_test") == [] and needs.pop("real_train") == ["real_test"]
    assert all(keys == ["real_test", "real_train"] for keys in needs.values())


def test_unknown_rows_are_refused_with_the_known_ones():
    assert select(ROWS, []) == ROWS
    with pytest.raises(ValueError, match="--rows: there is no row 'wavenet'; .*wavegan_ps2"):
        select(ROWS, ["wavenet"])
