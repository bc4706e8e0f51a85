"""Rows and presets of Table 1 are what the paper describes."""

import dataclasses

import pytest

from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.wavegan.config import SpecGANConfig, WaveGANConfig
from tfwave.papers.wavegan import rows as wavegan_rows
from tfwave.papers.wavegan.rows import PRESETS, ROWS, select_preset, select_rows


def _config(slug):
    row = next(row for row in ROWS if row.slug == slug)
    make = {"wavegan": WaveGANConfig, "specgan": SpecGANConfig}[row.system]
    return make(**dict(row.changes))


@pytest.mark.parametrize("row", [row for row in ROWS if row.trained], ids=lambda row: row.slug)
def test_every_trained_row_builds_a_configuration(row):
    _config(row.slug)


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
    for slug, changes in changed.items():
        assert dataclasses.asdict(_config(slug)) == {**base, **changes}
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
    assert preset.name in wavegan_rows.PRESET_HELP


def test_reference_rows_are_always_selected_in_the_papers_order():
    assert [r.slug for r in select_rows(["specgan", "wavegan"])] == [
        "real_train",
        "real_test",
        "wavegan",
        "specgan",
    ]
    assert select_rows([]) == ROWS


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="--rows: there is no row 'wavenet'; .*wavegan_ps2"):
        select_rows(["wavenet"])
    with pytest.raises(ValueError, match="--preset: there is no preset 'slow'; there are paper"):
        select_preset("slow")
