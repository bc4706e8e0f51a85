"""Making a test: clips bit for bit under names that tell nothing, and clear refusals."""

import os
import re

import numpy as np
import pytest
import soundfile

from tfwave import files
from tfwave.listening import folder, making, protocols, sources

OPTIONS = making.Options()


def result_folder(path, rows, columns, clips, arxiv="1609.03499", published=("table1",), **extra):
    """Write what a table's script leaves: results.json and rows/SLUG with clips."""
    for slug in rows:
        names = [f"clip_{i:02d}.wav" for i in range(4)]
        clips(path / "rows" / slug / "samples", names)
        described = [
            {"file": f"samples/{name}", "number": i, "label": extra.get("label", str)(i)}
            for i, name in enumerate(names)
        ]
        files.write_json(
            path / "rows" / slug / "result.json",
            {"clips": described, "examples": described if slug.startswith("real") else []},
        )
    files.write_json(
        path / "results.json",
        {
            "title": "A table",
            "paper": {"arxiv": arxiv},
            "published": {name: {} for name in published},
            "columns": [
                {
                    "key": key,
                    "label": key,
                    "unit": "",
                    "better": "none",
                    "digits": 2,
                    "judged_by": "listeners",
                    "low": 0,
                    "high": 100,
                }
                for key in columns
            ],
            "rows": {
                **{slug: {"label": slug.upper(), "status": "done"} for slug in rows},
                "missing": {"label": "Missing", "status": "not run"},
            },
        },
    )
    return path


MOS = ("mos_north_american_english", "mos_mandarin_chinese")


def test_takes_the_finished_rows_of_a_table(tmp_path, clips):
    table = result_folder(tmp_path / "table", ("lstm", "wavenet_lf"), MOS, clips)
    test, notes = making.make(sources.from_table(table), "mos", tmp_path / "test", OPTIONS)
    assert test.groups == {"lstm": "LSTM", "wavenet_lf": "WAVENET_LF"}
    assert len(test.having(folder.ITEM)) == 8 and test.columns == {"mos": MOS[0]}
    assert notes == [
        "rows without clips are passed over: missing",
        f"fills the column {MOS[0]} and leaves {MOS[1]}",
    ]
    assert test.pm_is == {MOS[0]: "not stated"}
    chosen = making.make(
        sources.from_table(table, ["lstm"]),
        "mos",
        tmp_path / "other",
        making.Options(language="mandarin"),
    )[0]
    assert list(chosen.groups) == ["lstm"] and chosen.columns == {"mos": MOS[1]}


def test_takes_the_pairs_of_a_table_of_pairs(tmp_path, clips):
    columns = ("english_first", "english_neither", "english_second", "mandarin_first")
    table = result_folder(tmp_path / "table", ("a_vs_b", "natural"), columns, clips)
    source = sources.from_table(table)
    test = making.make(source, "pairs", tmp_path / "test", OPTIONS)[0]
    items = test.having(folder.ITEM)
    assert [item.group for item in items] == ["a_vs_b"] * 2
    origins = [[test.clips[clip]["origin"][-6:-4] for clip in item.clips] for item in items]
    assert origins == [["00", "01"], ["02", "03"]]
    assert test.question.highest == 3 and test.columns["neither_percent"] == "english_neither"


@pytest.mark.parametrize(
    ("kind", "columns", "choices"),
    [
        ("pairs", ("better", "neutral", "worse", "overall"), 7),
        ("pairs", ("human_eval_wins",), 5),
        ("digits", ("human_accuracy", "quality", "ease", "diversity"), None),
        ("mos", ("mos",), None),
    ],
)
def test_knows_the_columns_of_the_papers(kind, columns, choices):
    found = protocols.columns_for(kind, columns)
    assert sorted(found.values()) == sorted(columns)
    if choices:
        assert protocols.default_choices(found) == choices
    assert protocols.columns_for(kind, ("something",)) == {}


def test_all_published_columns_of_listeners_have_a_protocol():
    from tfwave.repro import published

    for name in ("wavegan", "wavenet", "melgan", "waveglow", "wavernn"):
        for table in published.load_paper(name).tables.values():
            keys = [c.key for c in table.columns if c.judged_by == "listeners"]
            if keys and table.id != "table2_v1":  # another task, which no report asks for
                assert any(protocols.columns_for(kind, keys) for kind in protocols.KINDS), table.id


def test_clips_are_copied_bit_for_bit_without_their_tags(tmp_path, make_test):
    draw = np.random.default_rng(0)
    samples = draw.integers(-32768, 32768, [400, 2]).astype(np.int16)
    (tmp_path / "in").mkdir()
    with soundfile.SoundFile(tmp_path / "in/a.wav", "w", 22050, 2, "PCM_16") as file:
        file.title = "made by the secret system"
        file.write(samples)
    source = sources.from_folders([f"secret={tmp_path / 'in'}"])
    test = making.make(source, "mos", tmp_path / "test", OPTIONS)[0]
    (item,) = test.having(folder.ITEM)
    path = test.clip_path(item.clips[0])
    copy, rate = soundfile.read(path, dtype="int16")
    assert rate == 22050 and np.array_equal(copy, samples)
    assert b"secret" not in path.read_bytes() and "secret" not in path.name


def test_names_of_clips_are_random(make_test, tmp_path):
    test = make_test()
    again = making.make(
        sources.from_folders([f"good={tmp_path / 'clips/good'}"]),
        "mos",
        tmp_path / "again",
        OPTIONS,
    )[0]
    assert all(re.fullmatch("[0-9a-f]{32}", clip) for clip in test.clips)
    assert not set(test.clips) & set(again.clips)
    assert {path.stem for path in (test.path / "clips").iterdir()} == set(test.clips)


def test_checks_say_what_they_want_to_hear(make_test):
    test = make_test()
    for item in test.having(folder.CHECK):
        waveform, rate = soundfile.read(test.clip_path(item.clips[0]))
        loud = np.abs(waveform).reshape(-1, rate // 100).max(1) > 0.01
        assert np.sum(np.diff(loud.astype(int)) == 1) == item.right[0]
    for clip, count in test.sound_check.items():
        assert test.clips[clip]["origin"] == f"{count} tones"


def test_tones_are_as_loud_as_the_clips_or_as_asked():
    assert np.sqrt(np.mean(making.tones(1, -20)[4800:6400] ** 2)) == pytest.approx(0.1, rel=0.02)


def test_levels_are_made_equal_on_demand(tmp_path, make_test):
    test = make_test(level=-26.0)
    for item in test.having(folder.ITEM):
        waveform, _ = soundfile.read(test.clip_path(item.clips[0]))
        assert np.sqrt(np.mean(waveform**2)) == pytest.approx(10 ** (-26 / 20), rel=1e-3)
    with pytest.raises(ValueError, match=r"--level=-1 would clip good/0_0.wav; it can be -3"):
        making.make(
            sources.from_folders([f"good={tmp_path / 'clips/good'}"]),
            "mos",
            tmp_path / "loud",
            making.Options(level=-1.0),
        )


def test_pairs_of_plain_folders_have_the_same_names(tmp_path, clips):
    clips(tmp_path / "a", ["x.wav", "y.wav", "z.wav"])
    clips(tmp_path / "b", ["z.wav", "x.wav"])
    clips(tmp_path / "c", ["other1.wav", "other2.wav"])
    source = sources.from_folders([f"{name}={tmp_path / name}" for name in "abc"])
    pairs = {
        group.key: [[clip.name for clip in item] for item in group.items]
        for group in sources.compared(source.groups)
    }
    assert pairs["a_vs_b"] == [["x", "x"], ["z", "z"]]
    assert pairs["a_vs_c"] == [["x", "other1"], ["y", "other2"]] and "b_vs_c" in pairs


def test_digits_come_from_names_or_labels(tmp_path, clips):
    clips(tmp_path / "a", ["Seven_001.wav", "3.wav", "x.wav", "8_jackson_0.wav"])
    (tmp_path / "a/labels.csv").write_text("file,digit\nx.wav,5\n")
    source = sources.from_folders([f"a={tmp_path / 'a'}"])
    found = {clip.path.name: clip.digit for (clip,) in source.groups[0].items}
    assert found == {"Seven_001.wav": 7, "3.wav": 3, "x.wav": 5, "8_jackson_0.wav": 8}
    (tmp_path / "a/labels.csv").write_text("x.wav,5\ny.wav,twelve\n")
    with pytest.raises(ValueError, match="labels.csv: line 2 is not FILE,DIGIT"):
        sources.from_folders([f"a={tmp_path / 'a'}"])
    (tmp_path / "a/labels.csv").unlink()
    source = sources.from_folders([f"a={tmp_path / 'a'}"])
    with pytest.raises(ValueError, match="a/x.wav: nothing says which digit it is; name files"):
        making.make(source, "digits", tmp_path / "t", OPTIONS)


def test_sample_rates_that_differ_are_said(tmp_path, clips):
    clips(tmp_path / "a", ["x.wav"], rate=8000)
    clips(tmp_path / "b", ["x.wav"], rate=16000)
    source = sources.from_folders([f"{name}={tmp_path / name}" for name in "ab"])
    _, notes = making.make(source, "mos", tmp_path / "test", OPTIONS)
    assert notes == ["sample rates differ: 8000 Hz (a); 16000 Hz (b)"]


def test_bad_folders_are_named(tmp_path, clips):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: there is no audio"):
        sources.from_folders([f"a={tmp_path / 'empty'}"])
    with pytest.raises(OSError, match="nowhere: there is no such folder"):
        sources.from_folders([f"a={tmp_path / 'nowhere'}"])
    for text in ("folder", "=folder", "a=", "../a=folder"):
        with pytest.raises(ValueError, match="--system must be NAME=FOLDER"):
            sources.from_folders([text])
    with pytest.raises(ValueError, match="not the result folder of a table"):
        sources.from_table(tmp_path / "empty")
    with pytest.raises(ValueError, match="there is no such folder"):
        sources.from_table(tmp_path / "nowhere")
    table = result_folder(tmp_path / "table", ("lstm",), MOS, clips)
    with pytest.raises(ValueError, match="has no row 'x'; its rows are lstm, missing"):
        sources.from_table(table, ["x"])
    with pytest.raises(ValueError, match="--language: no column is of 'french'"):
        making.make(
            sources.from_table(table), "mos", tmp_path / "t", making.Options(language="french")
        )
    with pytest.raises(ValueError, match="needs two systems"):
        making.make(sources.from_table(table), "pairs", tmp_path / "t", OPTIONS)
    path = table / "rows/lstm/result.json"
    files.write_json(path, {"clips": [{"file": "../../../secret.wav"}]})
    with pytest.raises(ValueError, match="lies outside of the folder"):
        sources.from_table(table)


def test_a_clip_that_cannot_be_read_leaves_nothing_behind(tmp_path, clips):
    clips(tmp_path / "a", ["x.wav"])
    (tmp_path / "a/y.wav").write_bytes(b"RIFF nonsense")
    with pytest.raises(ValueError, match="a/y.wav: "):
        making.make(sources.from_folders([f"a={tmp_path / 'a'}"]), "mos", tmp_path / "t", OPTIONS)
    assert sorted(os.listdir(tmp_path)) == ["a"]


def test_a_test_is_never_overwritten_or_changed(make_test, tmp_path):
    test = make_test()
    source = sources.from_folders([f"good={tmp_path / 'clips/good'}"])
    with pytest.raises(ValueError, match="is there already"):
        making.make(source, "mos", test.path, OPTIONS)
    path = test.path / folder.MANIFEST
    path.write_text(path.read_text().replace('"good"', '"evil"'))
    with pytest.raises(ValueError, match="was changed after the test was made"):
        folder.read(test.path)
    path.write_text("{}")
    with pytest.raises(ValueError, match="not a listening test"):
        folder.read(test.path)
    path.unlink()
    with pytest.raises(ValueError, match="holds no listening test"):
        folder.read(test.path)


def test_changed_missing_and_linked_clips_are_refused(make_test, tmp_path):
    test = make_test()
    folder.check_clips(test)
    clip = test.clip_path(next(iter(test.clips)))
    clip.write_bytes(clip.read_bytes()[:-2] + b"xx")
    with pytest.raises(ValueError, match=f"clips/{clip.name} was changed after the test was made"):
        folder.check_clips(test)
    clip.unlink()
    with pytest.raises(ValueError, match=f"the clip clips/{clip.name} is missing"):
        folder.read(test.path)
    clip.symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match="is missing"):
        folder.read(test.path)


@pytest.mark.parametrize("options", [{"choices": 4}, {"pass_mark": 1.5}])
def test_impossible_options_are_named(make_test, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"--{name} must"):
        make_test("pairs", **options)


@pytest.mark.parametrize("value", ["0", "6", "", "1.0", "x", None, "11", "\u0663", -1])
def test_questions_take_their_answers_alone(value):
    question = protocols.item_question("mos")
    assert [question.check(str(i)) for i in range(1, 6)] == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="takes a whole number from 1 to 5"):
        question.check(value)
