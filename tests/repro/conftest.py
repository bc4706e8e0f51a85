"""A small made-up result folder, so that reports can be tested without training."""

import numpy as np
import pytest
import soundfile

from tfwave import files
from tfwave.papers.wavegan.tables import TABLE1
from tfwave.repro import published, ratings
from tfwave.repro import results as runner
from tfwave.repro.report import report

RATE = 16000


@pytest.fixture(scope="session")
def paper():
    return published.load_paper("wavegan")


@pytest.fixture(scope="session")
def judged_columns(paper):
    return [column for column, _ in paper.columns(TABLE1.listeners)]


SETTINGS = {"seed": 0, "preset": {"name": "smoke"}}


@pytest.fixture
def results(tmp_path):
    return runner.open_results(tmp_path / "out", SETTINGS)


@pytest.fixture(scope="module")
def module_results(tmp_path_factory):
    return runner.open_results(tmp_path_factory.mktemp("results") / "out", SETTINGS)


def put_row(results, key, score=2.0, trained=True, classifier="c"):
    """Put a finished row of made-up numbers and tones into a result folder."""
    folder = results.row_dir(key)
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    clips = []
    for i in range(4):
        time = np.arange(RATE) / RATE
        clip = 0.5 * np.sin(2 * np.pi * 200 * (i + 1) * time) * np.exp(-3 * time)
        soundfile.write(folder / f"samples/clip_{i:02d}.wav", clip, RATE, subtype="PCM_16")
        clips.append({"file": f"samples/clip_{i:02d}.wav", "label": i, "caption": f"“{i}” 50 %"})
    scores = {
        "inception_score": {"mean": score, "pm": 0.05, "n": 40},
        "d_self": {"mean": 0.9, "n": 20, "absolute": 180.0},
        "d_train": {"mean": 1.9, "n": 20, "absolute": 380.0},
        "noise": {"mean": 1.25, "n": 20, "absolute": 3.0},
    }
    if trained:
        steps = range(1, 61)
        files.write_json(
            folder / runner.CURVES,
            {
                "D_loss": [[s, -s * np.exp(-s / 20)] for s in steps],
                "G_loss": [[s, np.sin(s / 5)] for s in steps],
                "gradient_penalty": [[s, 1 / s] for s in steps],
                "x_rms": [[s, 0.1] for s in steps],
                "G_z_rms": [[s, 0.1 - 0.1 / s] for s in steps],
            },
        )
    results.save(
        key,
        {"row": key, "classifier": classifier},
        {
            "scores": scores,
            "clips": clips,
            "sample_rate": RATE,
            "trained": trained,
            "facts": {"Best step": 40},
            "seconds": {"train": 61.0},
        },
    )


@pytest.fixture(scope="session")
def add_row():
    return put_row


@pytest.fixture(scope="session")
def make_report(paper, judged_columns):
    def make(results, status=None):
        keys = [row.key for row in TABLE1.rows]
        return report.build(
            paper,
            report.ReportHeader(
                "Table 1: a test",
                (("Preset", "smoke"),),
                ("Not the paper's.",),
                reference="real_test",
                reference_label="Real (test)",
            ),
            TABLE1.columns,
            TABLE1.listeners,
            TABLE1.rows,
            results,
            ratings.read_ratings(results.path, keys, judged_columns),
            status,
        )

    return make
