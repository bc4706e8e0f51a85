"""The report puts published beside reproduced, never one in the place of the other."""

import html.parser
import http.server
import os
import queue
import re
import shutil
import signal
import subprocess
import threading
import urllib.parse

import pytest

from tfwave import files
from tfwave.papers.melgan.tables import TABLE3
from tfwave.papers.wavegan.tables import ROWS
from tfwave.repro import published
from tfwave.repro.published import Value
from tfwave.repro.report import figures, report, view

_CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def written(module_results, add_row, make_report):
    """A report of four finished rows, written once."""
    results = module_results
    for key in ("real_train", "real_test"):
        add_row(results, key, trained=False)
    for key in ("wavegan", "specgan"):
        add_row(results, key)
    made = make_report(results, {"wavegan_ps2": "interrupted"})
    report.write(made, results)
    return made, results.path


class _Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_missing_values_are_said_and_never_filled_from_the_paper(written):
    made, folder = written
    rows = files.read_json(folder / "results.json")["rows"]
    assert list(rows) and set(rows) == {row.key for row in ROWS}
    for key, row in rows.items():
        done = row["status"] == "done"
        assert done == (key in ("real_train", "real_test", "wavegan", "specgan"))
        for name, value in row["values"].items():
            if not done or name in ("human_accuracy", "quality", "ease", "diversity"):
                assert value["reproduced"] is None and value["difference"] is None
        assert row["values"]["human_accuracy"]["published"] == "unknown"
    assert rows["wavegan_ps4"]["status"] == "not run"
    assert rows["wavegan_ps2"]["status"] == "interrupted"


def test_json_keeps_every_number_with_its_circumstances(written):
    _, folder = written
    wavegan = files.read_json(folder / "results.json")["rows"]["wavegan"]
    value = wavegan["values"]["inception_score"]
    assert value["published"]["mean"] == 4.12 and value["reproduced"]["mean"] == 2.0
    assert value["difference"] == pytest.approx(2.0 - 4.12)
    assert set(wavegan["result"]) >= {"settings", "provenance", "key", "scores", "seconds"}


def test_markdown_has_every_row_and_column(written):
    made, folder = written
    text = (folder / "table.md").read_text(encoding="utf-8")
    assert text.startswith("# Table 1: a test\n")
    for row in ROWS:
        assert f"| {row.label} |" in text
    line = next(line for line in text.splitlines() if line.startswith("| WaveGAN |"))
    assert "| 4.12 ± 0.03 | 2.00 ± 0.05 | −2.12 |" in line
    head = next(line for line in text.splitlines() if line.startswith("| System"))
    assert len(re.findall(r"(?<!\\)\|", head)) == 2 + 3 * 4
    assert "unknown" in text and "Not the paper's." in text


def test_terminal_table_is_narrow_enough(written):
    made, _ = written
    text = report.terminal(made)
    assert all(len(line) <= 115 for line in text.splitlines())
    assert "not run" in text and "interrupted" in text and "2.00 ± 0.05" in text


def test_terminal_shows_the_papers_listeners_too(written):
    made, _ = written
    _, _, judged = report.terminal(made).partition("Judged by listeners")
    line = next(line for line in judged.splitlines() if line.startswith("WaveGAN +"))
    assert "\u2014 | unknown" in line and "\u2014 | 2.29 \u00b1 0.05" in line


@pytest.fixture
def copies(results):
    """A report on copy-synthesis, whose measures are in no paper, with one finished row."""
    paper = published.load_paper("melgan")
    scores = {"log_spectral_distance": {"mean": 9.25, "pm": 0.5, "n": 8}}
    results.save("melgan", {}, {"scores": scores, "clips": [], "counts": "8 recordings"})
    header = report.ReportHeader("Table 3: a test", reference="original")
    return report.build(paper, header, TABLE3.columns, TABLE3.listeners, TABLE3.rows, results, {})


def test_columns_of_no_paper_show_what_was_reproduced_alone(copies, results):
    report.write(copies, results)
    text = (results.path / "table.md").read_text(encoding="utf-8")
    assert "| MelGAN | 9.25 ± 0.50 | — | — | — | — | — |" in text
    assert "| MelGAN | 3.61 ± 0.06 | — |  |" in text
    shown = [line.split() for line in report.terminal(copies).splitlines()]
    assert ["MelGAN", "9.25", "±", "0.50", *5 * "—"] in shown
    assert ["MelGAN", "—", "|", "3.61", "±", "0.06"] in shown
    page = _Page((results.path / "table.html").read_text(encoding="utf-8"))
    kinds = [cell["class"].split()[0] for cell in page.all("td")]
    measured, judged = len(copies.views) * 6, len(copies.human_views)
    assert kinds == ["here"] * measured + ["paper", "here", "gap"] * judged
    assert sum("alone" in cell["class"] for cell in page.all("td")) == measured


def test_page_needs_nothing_from_outside(written):
    _, folder = written
    text = (folder / "table.html").read_text(encoding="utf-8")
    page = _Page(text)
    sources = [a["src"] for tag in ("img", "audio") for a in page.all(tag)]
    sources += [a["srcset"] for a in page.all("source")]
    assert len(page.all("audio")) == 4 * 4
    assert sources and all(source.startswith("data:") for source in sources)
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    assert all("url(data:" in url for url in re.findall(r"url\([^)]{0,30}", text))
    assert len(text) < 6e6


def test_page_can_be_used_by_keyboard_and_screen_reader(written):
    _, folder = written
    page = _Page((folder / "table.html").read_text(encoding="utf-8"))
    for audio in page.all("audio"):
        assert "controls" in audio and audio["aria-label"]
    for image in page.all("img"):
        assert image["alt"]
    ids = [a["id"] for _, a in page.found if a.get("id")]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        if link.get("href", "").startswith("#"):
            assert link["href"][1:] in ids
    assert page.all("html")[0]["lang"] == "en"


def test_page_escapes_what_it_prints(results, add_row, make_report):
    add_row(results, "real_test", trained=False)
    path = results.row_dir("real_test") / "result.json"
    result = files.read_json(path)
    result["facts"]["<script>alert(1)</script>"] = "<b>"
    files.write_json(path, result)
    report.write(make_report(results), results)
    text = (results.path / "table.html").read_text(encoding="utf-8")
    assert "<script>" not in text and "&lt;script&gt;" in text


def test_report_of_nothing_is_a_report(results, make_report):
    report.write(make_report(results), results)
    text = (results.path / "table.html").read_text(encoding="utf-8")
    assert "0 of 14 rows" in text and text.count("not run") > 14


def test_ratings_of_listeners_stand_beside_the_published_ones(results, add_row, make_report):
    add_row(results, "wavegan_ps2")
    content = {"wavegan_ps2": {"quality": {"mean": 3.0, "pm": 0.2, "n": 10}}}
    files.write_json(results.path / "ratings.json", content)
    made = make_report(results)
    row = next(v for v in made.views if v.row.key == "wavegan_ps2")
    cells = {cell.column.key: cell for cell in row.human}
    assert cells["quality"].reproduced == "3.00 ± 0.20"
    assert cells["quality"].difference == "+0.71"
    assert cells["ease"].reproduced == "—"


def test_figures_are_written_as_png_and_pdf(written):
    _, folder = written
    names = {path.name for path in (folder / "figures").iterdir()}
    for stem in ("scores", "wavegan_training", "wavegan_clips", "real_test_clips"):
        assert {f"{stem}.png", f"{stem}.pdf"} <= names
    assert (folder / "figures/scores.png").read_bytes()[:4] == b"\x89PNG"
    assert (folder / "figures/scores.pdf").read_bytes()[:4] == b"%PDF"
    assert "real_test_training.png" not in names


def test_writing_again_keeps_the_figures_of_finished_rows(written, module_results):
    made, folder = written
    before = (folder / "figures/wavegan_training.pdf").stat().st_mtime_ns
    report.write(made, module_results)
    assert (folder / "figures/wavegan_training.pdf").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-1.234, 2, "−1.23"), (-0.001, 2, "0.00"), (2.0, 1, "2.0"), (0.0, 2, "0.00")],
)
def test_numbers_have_a_true_minus_and_no_negative_zero(value, digits, text):
    assert view.number(value, digits) == text


@pytest.mark.parametrize(("value", "text"), [(0.5, "+0.50"), (-0.5, "−0.50"), (0.001, "0.00")])
def test_differences_are_signed(value, text):
    assert view.signed(value, 2) == text


def test_value_without_pm():
    assert view.with_pm(Value(1.25), 1) == "1.2"
    assert view.with_pm(Value(1.0, 0.5), 2) == "1.00 ± 0.50"


def test_spectrogram_shows_a_tone_at_its_frequency():
    import numpy as np

    tone = 0.5 * np.sin(2 * np.pi * 2000 * np.arange(16384) / 16000)
    levels = figures.spectrogram(tone)
    assert levels.shape == (129, 128)
    assert levels[:, 64].argmax() == 32
    assert levels.max() == pytest.approx(1 - 6 / 80, abs=0.02)
    assert figures.spectrogram(np.zeros(100)).max() == 0


@pytest.fixture
def listener():
    """A local server whose `heard` is a queue of the queries that it is asked, as dicts."""
    heard = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            heard.put(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.heard = heard
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium on the path")
def test_a_player_plays_in_a_browser(written, listener, tmp_path):
    _, folder = written
    text = (folder / "table.html").read_text(encoding="utf-8")
    probe = """<script>
      const audio = document.querySelector("#wavegan audio");
      audio.addEventListener("timeupdate", () => {
        const told = `time=${audio.currentTime}&duration=${audio.duration}`;
        if (audio.currentTime > 0) new Image().src = `http://127.0.0.1:PORT/?${told}`;
      });
      audio.play();
    </script></body>""".replace("PORT", str(listener.server_port))
    page = tmp_path / "probe.html"
    page.write_text(text.replace("</body>", probe), encoding="utf-8")
    # In real time: a busy machine plays late, but it plays.
    browser = subprocess.Popen(
        [
            _CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-audio-output",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--autoplay-policy=no-user-gesture-required",
            page.as_uri(),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        played = listener.heard.get(timeout=120)
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()
    assert float(played["duration"]) == pytest.approx(1.0, abs=0.05)
    assert float(played["time"]) > 0
