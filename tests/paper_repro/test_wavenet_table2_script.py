"""The script of WaveNet's Table 2, from the command line, tiny."""

import json
from urllib.parse import urlencode

import pytest
import soundfile

SCRIPT = "paper_repro/wavenet_table2.py"
PAIR = "wavenet_l_vs_wavenet_lf"


@pytest.fixture(scope="module")
def table(run_script, tmp_path_factory):
    """A finished folder of the smoke preset and the arguments that made it."""
    folder = tmp_path_factory.mktemp("wavenet_table2")
    arguments = (
        SCRIPT,
        "--preset=smoke",
        f"--out_dir={folder / 'out'}",
        f"--cache_dir={folder / 'cache'}",
    )
    done = run_script(*arguments, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "out", arguments


def results_of(folder):
    return json.loads((folder / "results.json").read_text())


def test_both_models_are_judged_and_the_paper_stands_beside(table):
    rows = results_of(table[0])["rows"]
    values = rows[PAIR]["values"]
    first, second = (values[name]["reproduced"]["mean"] for name in ("bits_first", "bits_second"))
    assert 4 < first < 9 and 4 < second < 9 and first != second
    assert values["english_second"]["published"]["mean"] == 37.9
    assert values["english_second"]["reproduced"] is None
    assert rows["lstm_vs_concat"]["status"] == "not published"
    shares = [cell["published"]["mean"] for name, cell in values.items() if "english" in name]
    assert sum(shares) == pytest.approx(100, abs=0.2)


def test_tensorboard_shows_the_rows_beside_each_other(table, tensorboard):
    ask = tensorboard(table[0] / "rows")
    runs = {"wavenet_l/train", "wavenet_lf/train"}
    scalars = ask("data/plugin/scalars/tags")
    audio, images = (ask(f"data/plugin/{kind}/tags") for kind in ("audio", "images"))
    for run in runs:
        assert {"scalars/bits_per_sample", "scalars/held_out_bits_per_sample"} <= set(scalars[run])
        assert {"audio/real", "audio/generated"} <= set(audio[run])
        assert set(images[run]) == {tag.replace("audio/", "images/") for tag in audio[run]}
        shown = ask("data/plugin/text/text?" + urlencode({"run": run, "tag": "command"}))
        assert "wavenet_table2.py --preset=smoke" in shown[0]["text"]
    experiment = ask("data/plugin/hparams/experiment", {"experimentName": ""})
    assert {"row", "kernel_size", "steps"} <= {each["name"] for each in experiment["hparamInfos"]}


def test_clips_come_in_pairs_after_the_same_recording(table):
    row = results_of(table[0])["rows"][PAIR]["result"]
    assert [clip["label"] for clip in row["clips"][0::2]] == [
        clip["label"] for clip in row["clips"][1::2]
    ]
    assert row["clips"][0]["caption"].startswith("WaveNet (L): ")
    assert row["clips"][1]["caption"].startswith("WaveNet (L+F): ")
    folder = table[0] / "rows" / PAIR
    assert soundfile.info(folder / row["clips"][3]["file"]).frames == 1600
    assert (table[0] / "table.html").read_text().count("<audio") == 4


def test_preferences_of_listeners_are_read(table, run_script):
    folder, arguments = table
    rating = {"mean": 40.0, "n": 80}
    (folder / "ratings.json").write_text(json.dumps({PAIR: {"english_first": rating}}))
    again = run_script(*arguments)
    assert again.returncode == 0 and again.stdout.count("already done") == 1
    value = results_of(folder)["rows"][PAIR]["values"]["english_first"]
    assert value["reproduced"]["mean"] == 40 and value["difference"] == pytest.approx(22.2)
