"""A panel with known leanings, from made-up result folders to the ratings that a table reads."""

import random

import numpy as np
import pytest

from tfwave import files
from tfwave.listening import folder, making, order, panel, results, sources
from tfwave.papers.wavenet.tables import TABLE1 as WAVENET_TABLE1
from tfwave.papers.wavenet.tables import TABLE2 as WAVENET_TABLE2
from tfwave.repro import provenance, published, ratings
from tfwave.repro import results as runner
from tfwave.repro.reproduce import write_report
from tfwave.repro.table import Options


@pytest.fixture(autouse=True)
def quick_provenance(monkeypatch):
    made = {
        "git": {"revision": "0" * 40, "dirty": False},
        "packages": {"tensorflow": "2"},
        "system": "Linux",
        "gpus": [],
    }
    monkeypatch.setattr(provenance, "collect", lambda: made)


def report_of(table, made):
    """Write the report of a result folder of a table."""
    options = Options(made.path, made.path)
    return write_report(table.experiment(table, table.presets()["smoke"], options), made)


def speech_folder(path, table, slugs, clips, paired=()):
    """Write the result folder of a table of speech with finished rows, and its report."""
    settings = {
        "preset": {**vars(table.presets()["smoke"]), "name": "smoke"},
        "seed": 0,
        "corpus": {"recordings": {"test": 4}, "sample_rate": 8000, "synthetic": True},
        "texts": {"corpus_name": "made up", "corpus": "made up."},
    }
    made = runner.open_results(path, settings)
    for row in table.rows:
        if row.key not in slugs:
            continue
        names = [f"clip_{i:02d}.wav" for i in range(8 if row.key in paired else 4)]
        clips(made.row_dir(row.key) / "samples", names)
        described = [
            {"file": f"samples/{name}", "number": i, "label": f"s{i}", "caption": f"s{i}"}
            for i, name in enumerate(names)
        ]
        made.save(
            row.key,
            {},
            {
                "label": row.label,
                "trained": False,
                "scores": {},
                "counts": "",
                "clips": described,
                "sample_rate": 8000,
                "facts": {},
                "seconds": {},
            },
        )
    report_of(table, made)
    return made


def make(path, source, kind, **options):
    return making.make(source, kind, path, making.Options(**options))[0]


def counted(test, **options):
    screened = results.screen(test, panel.read_panel(test), **options)
    return screened, results.evaluate(test, screened)


def test_mos_of_a_known_panel_reaches_the_table(tmp_path, clips, open_app, listener):
    """From a result folder over a panel and ratings.json into the rewritten report."""
    slugs = ("wavenet_lf", "natural_8bit", "natural_16bit")
    made = speech_folder(tmp_path / "table", WAVENET_TABLE1, slugs, clips)
    test = make(tmp_path / "test", sources.from_table(made.path), "mos")
    app, draw = open_app(test), random.Random(3)
    shares = {"wavenet_lf": (1, 2, 3), "natural_8bit": (3, 4), "natural_16bit": (4, 5, 5, 5)}
    given = {slug: [] for slug in slugs}

    def rate(one, item, swapped, key):
        given[item.group].append(draw.choice(shares[item.group]))
        return given[item.group][-1]

    for _ in range(12):
        listener(test, app).run(rate)
    screened, evaluated = counted(test)
    assert len(screened.counted) == 12 and sum(screened.left_out.values()) == 0
    results.write_ratings(test, results.as_ratings(test, evaluated), made.path / "ratings.json")

    (table,) = (published.load_paper("wavenet").tables["table1"],)
    read = ratings.read_ratings(made.path, slugs, table.columns)
    for slug in slugs:
        values = np.array(given[slug])
        cell = read[slug]["mos_north_american_english"]
        assert cell["n"] == len(values) == 48 and set(read[slug]) == {"mos_north_american_english"}
        assert cell["mean"] == pytest.approx(values.mean())
        assert cell["pm"] == pytest.approx(1.96 * values.std(ddof=1) / np.sqrt(48))
        assert abs(cell["mean"] - np.mean(shares[slug])) < 2 * cell["pm"]
    report = report_of(WAVENET_TABLE1, made)
    cells = {view.row.key: view.human[0] for view in report.views}
    mean = f"{np.mean(given['wavenet_lf']):.2f}"
    assert cells["wavenet_lf"].reproduced.startswith(mean) and "±" in cells["wavenet_lf"].reproduced
    assert mean in (made.path / "table.md").read_text(encoding="utf-8")


def test_preferences_of_a_known_panel_reach_the_table(tmp_path, clips, open_app, listener):
    slug = "wavenet_l_vs_wavenet_lf"
    made = speech_folder(tmp_path / "table", WAVENET_TABLE2, (slug,), clips, paired=(slug,))
    test = make(tmp_path / "test", sources.from_table(made.path), "pairs")
    app, count = open_app(test), [0]

    def rate(one, item, swapped, key):
        # Of ten listeners 2 prefer the first, 3 neither, 5 the second, whichever side it is on.
        wanted = (1, 1, 2, 2, 2, 3, 3, 3, 3, 3)[count[0] % 10]
        count[0] += 1
        return 4 - wanted if swapped else wanted

    for _ in range(10):
        listener(test, app).run(rate)
    _, evaluated = counted(test)
    found = evaluated["groups"][slug]["preference"]
    assert (found["first"], found["neither"], found["second"]) == (8, 12, 20)
    assert found["p_sign"] == pytest.approx(0.0357, abs=1e-4)  # 8 or fewer of 28, both sides
    path = made.path / "ratings.json"
    files.write_json(path, {slug: {"mandarin_first": {"mean": 9.0}}})
    results.write_ratings(test, results.as_ratings(test, evaluated), path)
    cells = files.read_json(path)[slug]
    assert [cells[f"english_{side}"]["mean"] for side in ("first", "neither", "second")] == [
        20.0,
        30.0,
        50.0,
    ]
    assert cells["english_first"]["n"] == 40 and cells["mandarin_first"] == {"mean": 9.0}
    report = report_of(WAVENET_TABLE2, made)
    (view,) = [view for view in report.views if view.row.key == slug]
    assert view.human[0].reproduced.startswith("20.00")


def wavegan_folder(path, clips):
    """Write a result folder with the columns and rows of WaveGAN's table."""
    tables = published.load_paper("wavegan").tables
    columns = [vars(c) for name in ("human_accuracy", "figure7") for c in tables[name].columns]
    rows = ("real_test", "wavegan_ps2")
    for slug in rows:
        names = [f"clip_{i:02d}.wav" for i in range(10)]
        clips(path / "rows" / slug / "samples", names)
        described = [{"file": f"samples/{name}", "label": i} for i, name in enumerate(names)]
        files.write_json(
            path / "rows" / slug / "result.json",
            {"clips": described, "examples": described if slug == "real_test" else []},
        )
    files.write_json(
        path / "results.json",
        {
            "title": "Table 1",
            "paper": {"arxiv": "1802.04208"},
            "columns": columns,
            "published": {"human_accuracy": {}, "figure7": {}},
            "rows": {slug: {"label": slug, "status": "done"} for slug in rows},
        },
    )
    return rows, [published.Column(**column) for column in columns]


def test_digits_and_sets_of_a_known_panel(tmp_path, clips, open_app, listener):
    rows, columns = wavegan_folder(tmp_path / "table", clips)
    test = make(tmp_path / "test", sources.from_table(tmp_path / "table"), "digits")
    assert test.pm_is["quality"].startswith("standard error")
    assert len(test.having(folder.WARMUP)) == 10
    app = open_app(test)

    class State:
        group, number = "", 0

    def rate(one, item, swapped, key):
        if item is not None:
            State.group = item.group
            # Real digits are understood; generated sevens and eights are taken for ones.
            return 1 if item.group == "wavegan_ps2" and item.truth >= 7 else item.truth
        State.number += 1
        generated = {"quality": 1 + State.number % 2, "ease": 2, "diversity": 3}
        return generated[key] if State.group == "wavegan_ps2" else 5

    for _ in range(8):
        assert listener(test, app).run(rate) == 2 + 2 * 12
    _, evaluated = counted(test)
    generated = evaluated["groups"]["wavegan_ps2"]
    assert generated["accuracy"]["mean"] == pytest.approx(0.7)
    assert generated["accuracy"]["n"] == 80 and generated["quality"]["n"] == 8
    low, high = generated["accuracy"]["wilson"]
    assert low < 0.7 < high
    confusion = evaluated["confusion"]["wavegan_ps2"]
    assert confusion[8] == [0, 8] + [0] * 8 and confusion[3][3] == 8
    path = tmp_path / "table/ratings.json"
    results.write_ratings(test, results.as_ratings(test, evaluated), path)
    read = ratings.read_ratings(path.parent, rows, columns)
    assert read["real_test"]["human_accuracy"]["mean"] == 1
    assert read["wavegan_ps2"]["diversity"] == {"mean": 3.0, "n": 8, "pm": 0.0}
    # Figure 7 prints standard errors.
    quality = generated["quality"]
    assert read["wavegan_ps2"]["quality"]["pm"] == pytest.approx(quality["sd"] / np.sqrt(8))
    assert read["wavegan_ps2"]["human_accuracy"]["pm"] == pytest.approx(
        1.96 * generated["accuracy"]["standard_error"]
    )
    other = results.as_ratings(test, evaluated, "raters")
    assert other["wavegan_ps2"]["human_accuracy"]["pm"] == 0  # all listeners are alike


def test_seven_degrees_count_from_the_first_to_the_second(make_test, open_app, listener):
    test = make_test("pairs", choices=7)
    app = open_app(test)
    for _ in range(4):
        listener(test, app).run(lambda one, item, swapped, key: 7 if swapped else 1)
    _, evaluated = counted(test)
    found = evaluated["groups"]["good_vs_bad"]
    assert found["score"]["mean"] == 3 and found["preference"]["first"] == 16
    assert found["first_percent"]["mean"] == 100
    assert evaluated["wins"] == {
        "good": {"wins": 16, "comparisons": 16},
        "bad": {"wins": 0, "comparisons": 16},
    }


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            {
                "first_count": "better",
                "neither_count": "neutral",
                "second_count": "worse",
                "score": "overall",
            },
            {
                "good_vs_bad": {
                    "better": {"mean": 16, "n": 16},
                    "neutral": {"mean": 0, "n": 16},
                    "worse": {"mean": 0, "n": 16},
                    "overall": {"mean": 3.0, "n": 16, "pm": 0.0},
                }
            },
        ),
        (
            {"wins": "human_eval_wins"},
            {
                "good": {"human_eval_wins": {"mean": 16, "n": 16}},
                "bad": {"human_eval_wins": {"mean": 0, "n": 16}},
            },
        ),
    ],
)
def test_counts_and_wins_of_other_tables(make_test, open_app, listener, columns, expected):
    test = make_test("pairs", choices=7)
    app = open_app(test)
    for _ in range(4):
        listener(test, app).run(lambda one, item, swapped, key: 7 if swapped else 1)
    _, evaluated = counted(test)
    object.__setattr__(test, "columns", columns)
    assert results.as_ratings(test, evaluated) == expected


@pytest.mark.parametrize("kind", ["mos", "pairs", "digits"])
def test_who_fails_the_checks_is_left_out_and_counted(make_test, open_app, listener, kind):
    test = make_test(kind, count=10, recordings=4 if kind == "digits" else 0)
    app = open_app(test)

    def good(one, item, swapped, key):
        return 3

    def bad(one, item, swapped, key):
        return 1

    for _ in range(3):
        listener(test, app).run(good)
    listener(test, app).run(bad, attentive=False)
    listener(test, app, headphones=False).run(bad)
    listener(test, app)  # who answers nothing is no listener
    screened, evaluated = counted(test)
    needs = kind != "digits"
    assert len(screened.counted) == (3 if needs else 4)
    assert screened.left_out["failed the attention checks"] == 1
    assert screened.left_out["wore no headphones"] == (1 if needs else 0)
    if kind == "mos":
        assert all(found["mos"]["mean"] == 3 for found in evaluated["groups"].values())
        assert len(counted(test, any_headphones=True)[0].counted) == 4
    text = "\n".join(results.as_text(test, evaluated))
    assert f"{3 if needs else 4} listeners counted, left out: 1 failed the attention checks" in text


def test_who_stops_before_a_check_is_left_out(make_test, open_app, listener):
    test = make_test("mos", count=20, items=15)
    app = open_app(test)
    one = listener(test, app)
    one.run(lambda *_: 2, pages=1)
    screened = results.screen(test, panel.read_panel(test))
    assert screened.counted == () and screened.left_out["stopped before a check"] == 1
    with pytest.raises(ValueError, match=r"no ratings to count \(1 stopped before a check\)"):
        results.evaluate(test, screened)
    one.run(lambda *_: 2, pages=14)
    assert len(counted(test)[0].counted) == 1


def test_one_wrong_check_in_four_is_forgiven(make_test, open_app, listener):
    test = make_test("digits", count=10, recordings=4)
    one = listener(test, open_app(test))
    wrong = [1]
    while (page := one.look()).place is not None:
        item = one.item(page)[0] if page.clips else None
        fails = item is not None and item.role == order.WARMUP and wrong and wrong.pop()
        one.run(lambda *_: 3, pages=1, attentive=not fails)
    assert len(counted(test)[0].counted) == 1


def test_ratings_go_only_where_they_belong(tmp_path, clips, make_test, open_app, listener):
    rows, _ = wavegan_folder(tmp_path / "table", clips)
    test = make_test("mos")
    listener(test, open_app(test)).run(lambda *_: 4)
    _, evaluated = counted(test)
    cells = results.as_ratings(test, evaluated)
    with pytest.raises(ValueError, match="table: the table has no mos of a row bad"):
        results.write_ratings(test, cells, tmp_path / "table/ratings.json")
    with pytest.raises(ValueError, match="reads its ratings from ratings.json"):
        results.write_ratings(test, cells, tmp_path / "table/other.json")
    results.write_ratings(test, cells, tmp_path / "mine.json")
    assert files.read_json(tmp_path / "mine.json")["good"]["mos"]["mean"] == 4
    with pytest.raises(ValueError, match="nobody has rated yet"):
        (test.path / folder.DATABASE).unlink()
        panel.read_panel(test)
