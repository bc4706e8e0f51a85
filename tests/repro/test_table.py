"""Every table fits its paper's published numbers and its presets."""

import importlib
import pathlib

import pytest

from tfwave.repro import published
from tfwave.repro.table import PRESETS, Options, Table
from tfwave.repro.trained import TrainedExperiment

PAPERS = pathlib.Path(published.__file__).parents[1] / "papers"
TABLES = {
    table.key: table
    for path in sorted(PAPERS.glob("*/tables.py"))
    for table in vars(importlib.import_module(f"tfwave.papers.{path.parent.name}.tables")).values()
    if isinstance(table, Table)
}


@pytest.fixture(params=TABLES)
def table(request):
    return TABLES[request.param]


def experiments(table):
    """The experiment of every preset, not prepared."""
    options = Options(pathlib.Path("nowhere"), pathlib.Path("nowhere"))
    return {
        name: table.experiment(table, preset, options) for name, preset in table.presets().items()
    }


def test_every_script_has_a_table(root):
    assert {path.stem for path in root.glob("paper_repro/*.py")} == set(TABLES)


def test_rows_and_columns_are_those_of_the_paper(table):
    paper = published.load_paper(table.paper)
    keys = {row.key for row in table.rows}
    assert len(keys) == len(table.rows)
    for source in (*table.columns, *table.listeners):
        if isinstance(source, str):
            assert set(paper.tables[source].values) <= keys, source
    columns = [column.key for column, _ in paper.columns(table.columns)]
    assert len(columns) == len(set(columns))
    assert set(table.status) <= keys
    # Recordings beside pairs are no row of the table.
    assert table.reference in ("", "natural_16bit", "recording") or table.reference in keys


def test_only_the_published_sizes_go_without_a_warning(table):
    for name, experiment in experiments(table).items():
        assert experiment.preset.name == name
        if isinstance(experiment, TrainedExperiment):
            warned = " ".join(experiment.warnings())
            assert bool(warned) == (name != "paper")
            assert not warned or "steps" in warned or "iterations" in warned
    assert set(experiments(table)) == set(PRESETS)


def test_every_vocoder_of_a_row_has_its_sizes_in_every_preset(table):
    for preset in table.presets().values():
        sizes = dict(getattr(preset, "configs", ()))
        for row in table.rows if sizes else ():
            if row.trained:
                assert row.system in sizes


def test_every_row_of_a_preset_is_one_of_the_table(table):
    for experiment in experiments(table).values():
        assert experiment.rows and set(experiment.rows) <= set(table.rows)
