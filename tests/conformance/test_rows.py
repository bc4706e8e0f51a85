"""Rows that table scripts write do everything that their systems can do."""

import os
import subprocess
import sys

import pytest

# One row for each system that a table trains.
TABLES = {
    "wavegan_table1": "wavegan,specgan",
    "wavenet_table1": "wavenet_lf",
    "wavenet_timit": "wavenet_two_losses",
    "melgan_table3": "melgan,waveglow,wavenet",
    "wavernn_table3": "wavernn_896,subscale_16",
}


@pytest.mark.slow
def test_every_trained_row_loads_generates_copies_and_exports(root, run_script, tmp_path):
    folders = []
    for table, rows in TABLES.items():
        folders.append(tmp_path / table)
        done = run_script(
            f"paper_repro/{table}.py",
            "--preset=smoke",
            f"--rows={rows}",
            f"--out_dir={folders[-1]}",
            f"--cache_dir={tmp_path / 'cache'}",
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    command = [sys.executable, root / "tests" / "conformance" / "check_rows.py", *folders]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    rows = sum(len(names.split(",")) for names in TABLES.values())
    assert len(done.stdout.splitlines()) == rows and "NO" not in done.stdout
