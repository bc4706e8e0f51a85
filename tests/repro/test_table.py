"""Every table that is rebuilt from speech fits its paper's published numbers and its presets."""

import dataclasses
import importlib

import pytest

from tfwave.papers.vocoders.systems import TRAINED
from tfwave.repro import published

TABLES = [
    ("wavenet.table1", "TABLE"),
    ("wavenet.table2", "TABLE"),
    ("wavenet.timit", "TABLE"),
    ("melgan.tables", "TABLE2"),
    ("melgan.tables", "TABLE3"),
    ("melgan.tables", "TABLE4"),
    ("waveglow.table1", "TABLE"),
    ("wavernn.tables", "TABLE1"),
    ("wavernn.tables", "TABLE3"),
]


@pytest.fixture(params=TABLES, ids="-".join)
def table(request):
    module, name = request.param
    return getattr(importlib.import_module(f"tfwave.papers.{module}"), name)


def test_rows_and_columns_are_those_of_the_paper(table):
    paper = published.load_paper(table.paper)
    slugs = {row.slug for row in table.rows}
    for name in filter(None, (table.measured, table.listeners)):
        assert set(paper.tables[name].values) <= slugs, name
    assert set(table.status) <= slugs
    # Recordings beside pairs are no row of the table.
    assert table.reference in ("", "natural_16bit", "recording") or table.reference in slugs


def test_only_the_published_sizes_go_without_a_warning(table):
    assert set(table.presets) == {"paper", "quick", "smoke"}
    for name, preset in table.presets.items():
        assert preset.name == name and preset.sample_rate >= 16000
        warned = " ".join(table.warning(dataclasses.asdict(preset)))
        assert bool(warned) == (name != "paper") and (not warned or "steps" in warned)


def test_every_vocoder_of_a_row_has_its_sizes_in_every_preset(table):
    for preset in table.presets.values():
        sizes = dict(getattr(preset, "configs", ()))
        for row in table.rows if sizes else ():
            if row.trained:
                assert row.system in TRAINED and row.system in sizes
