"""The generation-cost figure, from the command line, tiny."""

import json

from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.papers.fast_wavenet.tables import FIGURE


def test_it_measures_and_resumes(run_script, tmp_path):
    arguments = ("paper_repro/fast_wavenet_figure.py", "--preset=smoke", f"--out_dir={tmp_path}")
    done = run_script(*arguments, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    results = [row["result"] for row in rows.values()]
    assert [(row["layers"], row["receptive_field"]) for row in results] == [(1, 3), (3, 9)]
    for row in results:
        for side in ("naive", "queues"):
            assert 0 < row[side]["min"] <= row[side]["median"] <= row[side]["max"]
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "figure.pdf").exists()
    assert "Ratio" in (tmp_path / "table.md").read_text()
    again = run_script(*arguments)
    assert again.stdout.count("already done") == 2
    assert json.loads((tmp_path / "results.json").read_text())["rows"] == rows


def test_labels_tell_the_receptive_field():
    for row in FIGURE.rows:
        layers = dict(row.changes)["layers"]
        field = WaveNetConfig(dilations=tuple(2**i for i in range(layers))).receptive_field
        assert row.label.endswith(f"receptive field {field:,}")


def test_rows_of_another_preset_are_refused(run_script, tmp_path):
    arguments = ("--preset=smoke", "--rows=layers_15", f"--out_dir={tmp_path}")
    done = run_script("paper_repro/fast_wavenet_figure.py", *arguments)
    assert done.returncode == 2
    assert "there is no row 'layers_15'; the rows are layers_01, layers_03" in done.stderr
