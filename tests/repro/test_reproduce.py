"""The engine: rows that diverge, that others need, that are merged; flags that a table refuses."""

import dataclasses

import pytest

from tfwave import files
from tfwave.errors import UserError
from tfwave.repro.experiment import Experiment, Measured
from tfwave.repro.report.report import ReportHeader
from tfwave.repro.reproduce import reproduce
from tfwave.repro.rows import make_row
from tfwave.repro.table import Options, Table
from tfwave.training.guard import NonFiniteError
from tfwave.training.interrupts import Interrupted

FIRST, SECOND, THIRD = ROWS = tuple(
    make_row(f"layers_{n:02d}", f"Row {n}", "recognizer") for n in (1, 2, 3)
)


@dataclasses.dataclass(frozen=True)
class Preset:
    name: str
    size: int = 1


class Trial(Experiment):
    """Counts what it measures; `faults` are raised instead, `needed` rows come first."""

    faults, needed, measured, drawn = {}, {}, [], 0

    def measure(self, row, model, results):
        if row.key in self.faults:
            raise self.faults[row.key]
        self.measured.append(row.key)
        return Measured(scores={"naive": {"mean": float(len(self.measured))}}, counts="1 thing")

    def needs(self, row):
        return self.needed.get(row.key, ())

    def draw(self, results):
        type(self).drawn += 1

    def header(self, results):
        return ReportHeader(self.table.title)


@pytest.fixture
def trial():
    """A fresh class of experiments."""
    return type("Fresh", (Trial,), {"faults": {}, "needed": {}, "measured": [], "drawn": 0})


@pytest.fixture
def run(trial, tmp_path):
    """A function of options that runs the table; returns the rows of results.json."""
    table = Table(
        key="trial",
        protocol=1,
        paper="fast_wavenet",
        title="A trial",
        rows=ROWS,
        presets=lambda: {name: Preset(name) for name in ("paper", "quick", "smoke")},
        experiment=trial,
        columns=(),
        with_page=False,
    )

    def run(folder="out", **options):
        changes = {name: options.pop(name) for name in ("cached", "precisions") if name in options}
        out = tmp_path / folder
        reproduce(dataclasses.replace(table, **changes), Options(out, tmp_path, "smoke", **options))
        return files.read_json(out / "results.json")["rows"]

    return run


def statuses(folder):
    return {key: r["status"] for key, r in files.read_json(folder / "results.json")["rows"].items()}


def test_a_row_that_diverges_is_marked_and_the_table_goes_on(run, trial, tmp_path):
    trial.faults[FIRST.key] = NonFiniteError("training stopped at step 3: loss is nan")
    lines = []
    with pytest.raises(UserError, match="Row 1: training stopped at step 3: loss is nan"):
        run(report_progress=lines.append)
    assert statuses(tmp_path / "out") == {
        FIRST.key: "diverged",
        SECOND.key: "done",
        THIRD.key: "done",
    }
    assert any(line.endswith("loss is nan; going on with the next row") for line in lines)
    trial.faults.clear()
    assert {row["status"] for row in run().values()} == {"done"}
    assert trial.measured == [SECOND.key, THIRD.key, FIRST.key]


def test_an_interrupted_row_says_so(run, trial, tmp_path):
    trial.faults[SECOND.key] = Interrupted("stopped", 15)
    with pytest.raises(Interrupted):
        run()
    found = statuses(tmp_path / "out")
    assert found[FIRST.key] == "done" and found[SECOND.key].startswith("interrupted")
    assert found[THIRD.key] == "not run"


def test_defects_are_not_taken_for_a_diverged_row(run, trial, tmp_path):
    trial.faults[SECOND.key] = ValueError("a shape")
    with pytest.raises(ValueError, match="a shape"):
        run()
    assert statuses(tmp_path / "out")[FIRST.key] == "done"


def test_finished_rows_are_kept_and_the_report_is_written(run, trial, tmp_path):
    assert set(run(rows=(THIRD.key,))) == {row.key for row in ROWS}
    run()
    run()
    assert trial.measured == [THIRD.key, FIRST.key, SECOND.key]
    assert (tmp_path / "out/table.md").read_text().startswith("# A trial\n")
    assert not (tmp_path / "out/table.html").exists() and trial.drawn >= 3


def test_rows_of_a_table_that_keeps_none_are_computed_each_time(run, trial):
    run(cached=False)
    run(cached=False)
    assert trial.measured == [row.key for row in ROWS] * 2


def test_rows_come_behind_those_that_they_need(run, trial):
    trial.needed[FIRST.key] = (THIRD,)
    lines = []
    run(rows=(FIRST.key,), report_progress=lines.append)
    assert trial.measured == [THIRD.key, FIRST.key]
    lines.clear()
    run(rows=(FIRST.key,), report_progress=lines.append)
    assert lines == ["[row 1 of 1] Row 1: already done, nothing to compute"]


def test_a_row_is_left_out_when_one_that_it_needs_diverged(run, trial, tmp_path):
    trial.needed[FIRST.key] = (THIRD,)
    trial.faults[THIRD.key] = NonFiniteError("training stopped at step 3: loss is nan")
    with pytest.raises(UserError, match="^Row 3: training stopped"):
        run()
    assert statuses(tmp_path / "out") == {
        FIRST.key: "needs Row 3",
        SECOND.key: "done",
        THIRD.key: "diverged",
    }


def test_rows_of_other_machines_are_merged(run, trial, tmp_path):
    run("a", rows=(FIRST.key,))
    run("b", rows=(SECOND.key,))
    folders = (tmp_path / "a", tmp_path / "b")
    lines = []
    rows = run("all", merge=folders, report_progress=lines.append)
    assert [row["status"] for row in rows.values()] == ["done", "done", "not run"]
    assert lines == [f"merged row {FIRST.key} from {folders[0]}"] + [
        f"merged row {SECOND.key} from {folders[1]}"
    ]
    assert len(trial.measured) == 2
    rows = run("more", merge=folders, rows=(THIRD.key, FIRST.key))
    assert {row["status"] for row in rows.values()} == {"done"}
    assert trial.measured == [row.key for row in ROWS]


def test_only_folders_of_the_table_are_merged(run, tmp_path):
    files.write_json(tmp_path / "other/config.json", {"table": "another"})
    with pytest.raises(UserError, match="not a result folder of trial"):
        run("all", merge=(tmp_path / "other",))
    assert not (tmp_path / "all").exists()


def test_a_precision_that_is_not_offered_is_refused(run, tmp_path):
    with pytest.raises(UserError, match="--precision: trial is computed in float32, not in mixed"):
        run(precision="mixed_bfloat16")
    assert not (tmp_path / "out").exists()
    run(precision="auto")
    run("bfloat16", precision="mixed_bfloat16", precisions=("float32", "mixed_bfloat16"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rows": ("layers_04",)}, "--rows: there is no row 'layers_04'; the rows are layers_01"),
        ({"merge": ("nowhere",)}, "nowhere: not a result folder"),
    ],
)
def test_unknown_names_are_refused(run, options, sentence):
    with pytest.raises(UserError, match=sentence):
        run(**options)


def test_a_folder_of_another_version_is_refused(run, tmp_path):
    run()
    settings = files.read_json(tmp_path / "out/config.json")
    files.write_json(tmp_path / "out/config.json", {**settings, "protocol": 0})
    with pytest.raises(UserError, match="another configuration .protocol is 0 there and 1 here"):
        run()


def test_settings_that_came_later_do_not_shut_out_a_folder(run, trial, tmp_path):
    run()
    for path in (tmp_path / "out/config.json", *tmp_path.glob("out/rows/*/result.json")):
        content = files.read_json(path)
        del content.get("settings", content)["protocol"]
        files.write_json(path, content)
    run()
    assert len(trial.measured) == len(ROWS)
