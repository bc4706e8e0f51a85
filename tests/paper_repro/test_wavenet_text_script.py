"""The script of the numbers in WaveNet's text, and how gaps follow from opinion scores."""

import json

import numpy as np
import pytest
import soundfile

from tfwave.papers.wavenet import text as wavenet_text
from tfwave.repro import published

SCRIPT = "paper_repro/wavenet_text.py"


def test_gaps_of_the_papers_own_table_are_those_of_its_text():
    paper = published.load_paper("wavenet")
    scores = {
        slug: {column: {"mean": value.mean} for column, value in cells.items()}
        for slug, cells in paper.tables["table1"].values.items()
    }
    values = wavenet_text.rating_values(scores)
    text = paper.tables["text"]
    assert len(values) == 6
    for slug, value in values.items():
        # The paper rounds; its Mandarin gap before is that to the better language.
        assert value == pytest.approx(text.value(slug, "value").mean, rel=0.02, abs=0.005), slug


def test_hours_speakers_and_fields_are_counted(run_script, tmp_path):
    rng = np.random.default_rng(0)
    for speaker in ("p225", "p226", "p227"):
        folder = tmp_path / "VCTK/wav48" / speaker
        folder.mkdir(parents=True)
        for number in range(4):
            noise = 0.1 * rng.standard_normal(16000)
            soundfile.write(folder / f"{speaker}_{number:03d}.wav", noise, 16000)
    done = run_script(
        SCRIPT,
        f"--out_dir={tmp_path / 'out'}",
        f"--cache_dir={tmp_path / 'cache'}",
        f"--vctk_dir={tmp_path / 'VCTK'}",
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "out/results.json").read_text())["rows"]
    values = {slug: row["values"]["value"]["reproduced"] for slug, row in rows.items()}
    assert values["vctk_speakers"]["mean"] == 3
    assert values["vctk_hours_used"]["mean"] == pytest.approx(12 / 3600)
    assert values["timit_pooling_factor"]["mean"] == 160
    assert values["english_tts_hours"] is None
    assert rows["english_tts_hours"]["status"] == "needs --english_dir"
    # 5 stacks of dilations 1 to 512, width 2, and the first layer's sample.
    expected = 1000 * (5 * 1023 + 2) / 16000
    assert values["receptive_field_tts_models_ms"]["mean"] == pytest.approx(expected)


def test_a_folder_that_is_none_is_named(run_script, tmp_path):
    done = run_script(SCRIPT, f"--out_dir={tmp_path}", f"--table1_dir={tmp_path / 'none'}")
    assert done.returncode == 2 and "none is no folder" in done.stderr
