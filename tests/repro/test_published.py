"""The published values are complete and carry their source."""

import pytest

from tfwave.papers.wavegan.tables import ROWS
from tfwave.repro import published


def test_every_row_of_table_1_has_every_column(paper):
    table = paper.tables["table1"]
    assert [row.key for row in ROWS] == list(table.values)
    for row in ROWS:
        for column in table.columns:
            assert table.value(row.key, column.key).mean >= 0


@pytest.mark.parametrize(
    ("row", "column", "mean", "pm"),
    [
        ("real_train", "inception_score", 9.18, 0.04),
        ("wavegan_ps2", "inception_score", 4.67, 0.01),
        ("specgan", "inception_score", 6.03, 0.04),
        ("wavegan_cubic", "d_train", 3.6, None),
        ("specgan_ps1", "noise", 3.1, None),
    ],
)
def test_values_are_as_printed(paper, row, column, mean, pm):
    value = paper.tables["table1"].value(row, column)
    assert (value.mean, value.pm) == (mean, pm)


def test_every_table_names_its_source_and_who_saw_it(paper):
    for table in paper.tables.values():
        assert table.source and table.seen_in in ("paper text", "third party", "not seen")


def test_unseen_column_has_no_values(paper):
    table = paper.tables["human_accuracy"]
    assert not table.seen and not table.values


def test_arrow_points_to_the_better_side(paper):
    columns = {c.key: c for t in paper.tables.values() for c in t.columns}
    assert columns["inception_score"].arrow == "\u2191"
    assert columns["noise"].arrow == "\u2192 1"


def test_unknown_paper_is_an_error():
    with pytest.raises(OSError):
        published.load_paper("no_such_paper")
