"""The command from end to end in processes of its own: durable, quick to start, one-line errors."""

import contextlib
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import requests
import soundfile

from tfwave import files
from tfwave.listening import folder, panel

pytest.importorskip("flask")
pytest.importorskip("waitress")

SCRIPT = "tools/listening_test.py"


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two folders of three short clips each."""
    path = tmp_path_factory.mktemp("clips")
    for name in ("good", "bad"):
        (path / name).mkdir()
        for i in range(3):
            clip = 0.2 * np.sin(2 * np.pi * 300 * np.arange(800) / 8000)
            soundfile.write(path / name / f"{i}.wav", clip, 8000, subtype="PCM_16")
    return path


@pytest.fixture
def made(run_script, clips, tmp_path):
    """A test made by the command."""
    done = run_script(
        SCRIPT,
        "make",
        f"--system=good={clips / 'good'}",
        "--kind=mos",
        f"--system=bad={clips / 'bad'}",
        f"--out={tmp_path / 'test'}",
        fresh=True,
    )
    assert done.returncode == 0, done.stderr
    assert "2 systems or pairs, 6 items, 6 for each listener" in done.stdout
    return folder.read(tmp_path / "test")


@contextlib.contextmanager
def serving(root, test, *flags):
    """Serve a test in a process; gives (process, address) and kills it at the end."""
    process = subprocess.Popen(
        [sys.executable, str(root / SCRIPT), "serve", str(test.path), "--port=0", *flags],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    try:
        line = process.stdout.readline()
        yield process, re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
    finally:
        process.kill()
        process.wait()


def begin(session, url, test):
    text = session.get(url, timeout=30).text
    token = re.search(r'name="form_token" value="([^"]+)"', text)[1]
    (clip,) = re.findall(r"/clip/(\w+)\.wav", text)
    form = {"form_token": token, "tones": test.sound_check[clip], "headphones": 1}
    session.post(f"{url}start", data=form, timeout=30)
    return token


def test_a_rating_that_was_acknowledged_survives_kill_9(root, made):
    given, session, token = [], requests.Session(), None
    for rating in (4, 2):
        with serving(root, made) as (process, url):
            token = token or begin(session, url, made)
            page = session.get(url, timeout=30).text
            # The same listener goes on where the killed server had been.
            assert f'name="place" value="{len(given)}"' in page
            form = {"form_token": token, "place": len(given), "rating": rating}
            reply = session.post(f"{url}answer", data=form, timeout=30, allow_redirects=False)
            os.kill(process.pid, signal.SIGKILL)
            assert reply.status_code == 303
            given.append(rating)
        (person,) = panel.read_panel(made)
        assert [answer.values["rating"] for answer in person.answers] == given


def test_limits_of_the_server(root, made):
    with serving(root, made, "--requests_per_minute=20") as (_, url):
        assert "Server" not in requests.get(url, timeout=30).headers
        huge = requests.post(f"{url}answer", data=b"x" * 10**6, timeout=30)
        assert huge.status_code == 413
        headers = {"X-Long": "x" * 10**5}
        assert requests.get(url, headers=headers, timeout=30).status_code in (400, 431)
        codes = [requests.get(url, timeout=30).status_code for _ in range(25)]
        assert codes[-1] == 429
        port = re.search(r":(\d+)/", url)[1]
        done = subprocess.run(
            [sys.executable, str(root / SCRIPT), "serve", str(made.path), f"--port={port}"],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1, port {port} (Address already in use)" in done.stderr


def test_results_are_printed_and_written(root, run_script, made, tmp_path):
    with serving(root, made) as (_, url):
        session = requests.Session()
        token = begin(session, url, made)
        while place := re.search(r'name="place" value="(\d+)"', page := session.get(url).text):
            (clip,) = re.findall(r"/clip/(\w+)\.wav", page)
            (item,) = [i for i in made.items.values() if i.clips == (clip,)]
            rating = item.right[0] if item.right else 4 if item.group == "good" else 2
            form = {"form_token": token, "place": place[1], "rating": rating}
            session.post(f"{url}answer", data=form, timeout=30)
        assert "Thank you" in page
        done = run_script(
            SCRIPT,
            "results",
            made.path,
            f"--out={tmp_path / 'ratings.json'}",
            f"--details={tmp_path / 'details.json'}",
            fresh=True,
        )
    assert done.returncode == 0, done.stderr
    assert "1 listener counted" in done.stdout and "MOS 4.00 ± 0.00 (n = 3)" in done.stdout
    assert files.read_json(tmp_path / "ratings.json") == {
        "good": {"mos": {"mean": 4.0, "n": 3, "pm": 0.0}},
        "bad": {"mos": {"mean": 2.0, "n": 3, "pm": 0.0}},
    }
    assert files.read_json(tmp_path / "details.json")["listeners"]["counted"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "give one of: make, serve TEST, results TEST"),
        (("serve",), "give one of: make, serve TEST, results TEST"),
        (("serve", "/nowhere"), "/nowhere: there is no such folder"),
        (("results", "/nowhere"), "/nowhere: there is no such folder"),
        (
            ("make", "--kind=mos", "--out=x"),
            "give either --from=RESULT_FOLDER or --system=NAME=FOLDER",
        ),
        (("make", "--from=/nowhere", "--out=x"), "--kind must be one of digits, mos, pairs"),
        (("make", "--from=/nowhere", "--kind=mos"), "--out must name the folder of the test"),
        (("make", "--from=/nowhere", "--kind=mos", "--out=x"), "/nowhere: there is no such folder"),
        (
            ("make", "--system=a=/nowhere", "--kind=mos", "--out=x"),
            "/nowhere: there is no such folder",
        ),
        (("make", "--kind=taste", "--from=x", "--out=x"), "taste"),
    ],
)
def test_mistakes_are_one_line(run_script, arguments, sentence):
    done = run_script(SCRIPT, *arguments, fresh=True)
    assert done.returncode == 2 and done.stdout == ""
    assert sentence in done.stderr and done.stderr.count("\n") == 1


def test_no_tensorflow_is_loaded(root):
    code = (
        "import sys; from tfwave.listening import making, panel, results, sources, web; "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60)
    assert done.returncode == 0
