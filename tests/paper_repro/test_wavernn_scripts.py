"""The scripts of WaveRNN's tables, from the command line, tiny."""

import json

import pytest
import soundfile

from tfwave.papers.wavernn import presets, tables
from tfwave.repro import published

TABLE3 = "paper_repro/wavernn_table3.py"
TABLE1 = "paper_repro/wavernn_table1.py"
ROWS = ("sparse_mobile", "recording")
PAIR = "wavenet_vs_wavernn_896"


def results_of(folder):
    return json.loads((folder / "results.json").read_text())


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def table3(run_script, cache, tmp_path_factory):
    """A folder with a trained row and the recordings', and the arguments that made it."""
    folder = tmp_path_factory.mktemp("wavernn_table3")
    arguments = (
        TABLE3,
        "--preset=smoke",
        f"--rows={','.join(ROWS)}",
        f"--out_dir={folder}",
        f"--cache_dir={cache}",
    )
    done = run_script(*arguments, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, arguments, done


def test_rows_are_judged_beside_the_paper(table3):
    folder, _, done = table3
    rows = results_of(folder)["rows"]
    values = rows["sparse_mobile"]["values"]
    # 65,536 equally likely levels are worth 11.09 nats.
    assert 4 < values["nll"]["reproduced"]["mean"] < 12
    assert 5 < values["nll"]["published"]["mean"] < 6
    assert values["nll"]["reproduced"]["n"] > 50_000
    assert rows["sparse_mobile"]["result"]["facts"]["Parameters"] > 1000
    assert values["mos"]["published"]["mean"] == 4.33 and values["mos"]["reproduced"] is None
    assert rows["fused_2"]["status"] == "not built here"
    assert rows["sparse_384"]["status"] == "not run"
    assert "Held-out NLL" in done.stdout


def test_weights_are_pruned_before_the_best_ones_are_chosen(table3):
    facts = results_of(table3[0])["rows"]["sparse_mobile"]["result"]["facts"]
    assert facts["Sparsity of the gates"] in ("95.2 %", "95.1 %", "95.0 %", "94.9 %")


def test_clips_are_as_long_as_they_should_be(table3):
    folder = table3[0]
    for slug in ROWS:
        clips = sorted((folder / "rows" / slug / "samples").glob("*.wav"))
        infos = [soundfile.info(clip) for clip in clips]
        assert [(info.frames, info.samplerate) for info in infos] == [(2400, 24000)] * 2
    assert (folder / "table.html").read_text().count("<audio") == 2 * len(ROWS)


def test_a_finished_row_is_not_computed_again_and_ratings_are_read(table3, run_script):
    folder, arguments, _ = table3
    rating = {"sparse_mobile": {"mos": {"mean": 2.5, "n": 40}}}
    (folder / "ratings.json").write_text(json.dumps(rating))
    again = run_script(*arguments)
    assert again.returncode == 0 and again.stdout.count("already done") == len(ROWS)
    value = results_of(folder)["rows"]["sparse_mobile"]["values"]["mos"]
    assert value["difference"] == pytest.approx(2.5 - 4.33)


@pytest.mark.slow
def test_subscale_is_judged_on_the_same_samples(table3, run_script):
    folder, arguments, _ = table3
    wanted = [arg.replace("sparse_mobile", "subscale_8") for arg in arguments]
    done = run_script(*wanted, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = results_of(folder)["rows"]
    nll, other = (rows[slug]["values"]["nll"] for slug in ("subscale_8", "sparse_mobile"))
    assert 4 < nll["reproduced"]["mean"] < 12
    assert nll["reproduced"]["n"] == other["reproduced"]["n"]
    assert rows["subscale_8"]["values"]["weights_m"]["reproduced"]["mean"] == 3.93984
    assert len(list((folder / "rows/subscale_8/samples").glob("*.wav"))) == 2


@pytest.mark.slow
def test_pairs_hold_both_models_after_the_same_recordings(run_script, cache, tmp_path):
    done = run_script(
        TABLE1,
        "--preset=smoke",
        f"--rows={PAIR}",
        f"--out_dir={tmp_path}",
        f"--cache_dir={cache}",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    row = results_of(tmp_path)["rows"][PAIR]
    clips = row["result"]["clips"]
    assert [clip["label"] for clip in clips[0::2]] == [clip["label"] for clip in clips[1::2]]
    assert clips[0]["caption"].startswith("WaveNet 512 (60): ")
    assert clips[1]["caption"].startswith("WaveRNN 896: ")
    values = row["values"]
    first, second = (values[f"nats_{which}"]["reproduced"] for which in ("first", "second"))
    assert 4 < second["mean"] < 12 and 4 < first["mean"] < 14
    # WaveNet is not judged on the samples before its first whole frame of context.
    assert 0 <= second["n"] - first["n"] < 480
    assert values["overall"]["published"] == {"mean": 0.02, "pm": 0.08, "n": None}


@pytest.mark.parametrize(
    ("script", "column", "rows"),
    [
        pytest.param(
            "wavernn_table2", "sum_khz", ("blocks_4x4", "blocks_16x1"), marks=pytest.mark.slow
        ),
        ("wavernn_table4", "cpu_products", ("dense_384", "1x1_512", "4x4_2048", "16x1_1024")),
        pytest.param(
            "wavernn_text",
            "khz",
            ("wavernn_896", "wavenet_tensorflow", "subscale_16", "sparse_384"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_speeds_stand_beside_the_papers(run_script, tmp_path, script, column, rows):
    done = run_script(
        f"paper_repro/{script}.py", "--preset=smoke", f"--out_dir={tmp_path}", timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = results_of(tmp_path)
    for row in rows:
        assert results["rows"][row]["values"][column]["reproduced"]["mean"] > 0
    assert "2 CPU threads" in results["title"]
    assert (tmp_path / "table.md").read_text().startswith("# ")


def test_a_folder_of_other_speeds_is_refused(run_script, tmp_path):
    settings = {"table": "wavernn_table4", "protocol": tables.TABLE4.protocol, "threads": 1}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    done = run_script("paper_repro/wavernn_table4.py", f"--out_dir={tmp_path}")
    assert done.returncode == 2 and "threads is 1 there and 2 here" in done.stderr


@pytest.mark.parametrize(
    ("slug", "count"),
    [
        ("wavernn_224", 234_640),
        ("wavernn_384", 617_280),
        ("wavernn_896", 3_045_952),
        ("subscale_16", 3_939_840),
        ("wavernn_2048", 15_219_712),
    ],
)
def test_weights_of_the_published_sizes(slug, count):
    row = next(row for row in tables.ROWS if row.key == slug)
    assert presets.weight_count(presets.configuration(row)) == count


@pytest.mark.parametrize("sparse, dense", [("sparse_224", 224), ("sparse_384", 384)])
def test_sparse_rows_have_the_gate_weights_of_the_dense_ones_in_their_names(sparse, dense):
    row = next(row for row in tables.ROWS if row.key == sparse)
    config = presets.configuration(row)
    left = 3 * config.units**2 * (1 - config.pruning.sparsity)
    assert left == pytest.approx(3 * dense**2, rel=0.04)


def test_published_products_and_rates_agree():
    table = published.load_paper("wavernn").tables["table4"]
    for slug, values in table.values.items():
        kind, side = slug.split("_")
        sparsity = 0 if kind == "dense" else {512: 0.8, 1024: 0.95, 2048: 0.964}[int(side)]
        for phone in ("sd808", "sd835"):
            work = 2 * int(side) ** 2 * (1 - sparsity)
            rate = work * values[f"{phone}_products"].mean / 1e6
            # What the paper repeats from the other phone.
            repeated = kind == "dense" and phone == "sd835" and int(side) < 1024
            agrees = rate == pytest.approx(values[f"{phone}_gflops"].mean, rel=0.03)
            assert agrees != repeated, slug
