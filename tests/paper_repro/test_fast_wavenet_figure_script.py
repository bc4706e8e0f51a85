"""The generation-cost figure, from the command line, tiny."""

import json


def test_it_measures_and_resumes(run_script, tmp_path):
    arguments = ("paper_repro/fast_wavenet_figure.py", "--preset=smoke", f"--out_dir={tmp_path}")
    done = run_script(*arguments, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert [(row["layers"], row["receptive_field"]) for row in rows] == [(1, 3), (3, 9)]
    for row in rows:
        for side in ("naive", "queues"):
            assert 0 < row[side]["min"] <= row[side]["median"] <= row[side]["max"]
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "figure.pdf").exists()
    assert "ratio" in (tmp_path / "table.md").read_text()
    again = run_script(*arguments)
    assert again.stdout.count("already done") == 2
    assert json.loads((tmp_path / "results.json").read_text())["rows"] == rows
