"""Made-up tests, listeners who answer through the application, and a real browser."""

import base64
import json
import queue
import re
import shutil
import signal
import subprocess
import threading
import time
import types

import numpy as np
import pytest
import soundfile

from tfwave.listening import making, order, panel, sources, store

RATE = 8000
_CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_KEYS = {"Enter": ("\r", 13), " ": (" ", 32)}


def write_clips(folder, names, hertz=300, seconds=0.2, rate=RATE):
    """Write one short tone for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        clip = 0.3 * np.sin(2 * np.pi * (hertz + 20 * i) * np.arange(int(seconds * rate)) / rate)
        soundfile.write(folder / name, clip, rate, subtype="PCM_16")
    return folder


@pytest.fixture(scope="session")
def clips():
    return write_clips


@pytest.fixture
def make_test(tmp_path):
    """A function that makes a test of a kind from folders with a few clips for each system."""

    def make(kind="mos", systems=("good", "bad"), count=4, recordings=0, **options):
        names = [f"{i % 10}_{i}.wav" for i in range(count)]
        named = [
            f"{name}={write_clips(tmp_path / 'clips' / name, names, 300 + 100 * i)}"
            for i, name in enumerate(systems)
        ]
        known = ""
        if recordings:
            known = str(write_clips(tmp_path / "real", [f"{i}_r.wav" for i in range(recordings)]))
        source = sources.from_folders(named, known)
        return making.make(source, kind, tmp_path / "test", making.Options(**options))[0]

    return make


@pytest.fixture
def open_app():
    """A function that opens a test: its application, with `.store`."""
    web = pytest.importorskip("tfwave.listening.web")
    opened = []

    def start(test, **options):
        opened.append(store.Store(test))
        app = web.create_app(
            test,
            opened[-1],
            **{"requests_per_minute": 10**6, "listeners_per_hour": 10**6, **options},
        )
        app.store = opened[-1]
        return app

    yield start
    for each in opened:
        each.close()


class Listener:
    """Somebody with a browser of their own, who answers through the application.

    Args:
      test: `ListeningTest`.
      app: its application.
      headphones: what is said of them.
    """

    def __init__(self, test, app, headphones=True):
        self.test, self.client = test, app.test_client()
        page = self.client.get("/").text
        (clip,) = re.findall(r"/clip/(\w+)\.wav", page)
        self.post("/start", tones=test.sound_check[clip], headphones=int(headphones))

    def look(self):
        """Return what the page shows: place, clip ids, question keys, text."""
        text = self.client.get("/").text
        place = re.search(r'name="place" value="(\d+)"', text)
        return types.SimpleNamespace(
            text=text,
            place=int(place[1]) if place else None,
            clips=tuple(re.findall(r"/clip/(\w+)\.wav", text)),
            keys=sorted(set(re.findall(r'type="radio" name="(\w+)"', text))),
        )

    def token(self):
        with self.client.session_transaction() as session:
            return session.get("form", "")

    def post(self, path, **form):
        return self.client.post(path, data={"form_token": self.token(), **form})

    def item(self, page):
        """Return the item whose clips a page plays, and whether they changed sides."""
        for item in self.test.items.values():
            if page.clips in (item.clips, item.clips[::-1]):
                return item, page.clips != item.clips
        raise AssertionError("a page without a known item")

    def run(self, rate, pages=None, attentive=True):
        """Answer pages to the end, or so many.

        Args:
          rate: function of (listener, item, swapped, question key) for what is rated; item is None
            for the questions on a set.
          pages: most pages.
          attentive: whether the checks are answered rightly.

        Returns:
          How many were answered.
        """
        for done in range(pages if pages is not None else 10**6):
            page = self.look()
            if page.place is None:
                return done
            assert (
                self.post(
                    "/answer", place=page.place, **self.answers(page, rate, attentive)
                ).status_code
                == 303
            )
        return pages

    def answers(self, page, rate, attentive=True):
        if not page.clips:
            return {key: rate(self, None, False, key) for key in page.keys}
        (key,) = page.keys
        item, swapped = self.item(page)
        if item.role == order.ITEM:
            return {key: rate(self, item, swapped, key)}
        question = self.test.question
        side = range(question.lowest, question.highest + 1)
        right = {question.lowest + question.highest - v if swapped else v for v in item.right}
        return {key: next(v for v in side if (v in right) == attentive)}


@pytest.fixture
def listener():
    return Listener


@pytest.fixture
def answers_of():
    """A function of a test that lists (listener, role, group, swapped, values) as kept."""

    def read(test):
        return [
            (person.id, answer.step.role, answer.group, answer.swapped, answer.values)
            for person in panel.read_panel(test)
            for answer in person.answers
        ]

    return read


@pytest.fixture
def served():
    """A function that serves a test in a thread; returns its address."""
    web = pytest.importorskip("tfwave.listening.web")
    running = []

    def start(test):
        lines = queue.Queue()
        thread = threading.Thread(
            target=web.serve, args=(test,), kwargs={"port": 0, "say": lines.put}, daemon=True
        )
        thread.start()
        running.append(thread)
        return re.search(r"http://\S+", lines.get(timeout=30))[0]

    return start


class Browser:
    """Chromium without a window, driven over its debugging port.

    Args:
      profile: folder of its cookies.
    """

    def __init__(self, profile):
        websocket = pytest.importorskip("websocket")
        self._process = subprocess.Popen(
            [
                _CHROMIUM,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-audio-output",
                "--disable-dev-shm-usage",
                f"--user-data-dir={profile}",
                "--remote-debugging-port=0",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for line in self._process.stderr:
            if line.startswith("DevTools listening on "):
                break
        threading.Thread(target=self._process.stderr.read, daemon=True).start()
        self._socket = websocket.create_connection(
            line.split()[-1], timeout=60, suppress_origin=True
        )
        self._calls = 0

    def call(self, method, session=None, **parameters):
        """Call a method of the protocol; returns its result."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        self._socket.send(json.dumps({**message, **({"sessionId": session} if session else {})}))
        while True:
            reply = json.loads(self._socket.recv())
            if reply.get("id") == self._calls:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']['message']}")
                return reply["result"]

    def page(self, url, stranger=False):
        """Open a page in a new window; a stranger's window has cookies of its own."""
        where = {"newWindow": True}
        if stranger:
            where["browserContextId"] = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", **where)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Emulation.setFocusEmulationEnabled", session, enabled=True)
        self.call("Page.enable", session)
        page = Page(self, target, session)
        page.open(url)
        return page

    def close(self):
        self._socket.close()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Page:
    """One window of a `Browser`."""

    def __init__(self, browser, target, session):
        self._browser, self._target, self._session = browser, target, session

    def call(self, method, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def reload(self):
        self.js("window.old = true")
        self.call("Page.reload")
        self.wait("!window.old && document.readyState === 'complete'")

    def js(self, expression):
        """Evaluate an expression; promises are waited for."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, expression, seconds=60):
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.js(f"Boolean({expression})"):
                    return
            except RuntimeError as error:  # between two pages there is nothing to ask
                if "context" not in str(error) and "navigated" not in str(error):
                    raise
            time.sleep(0.05)
        text = self.js("document.body.innerText")
        raise AssertionError(f"{expression} never came true on {text}")

    def press(self, key):
        text, code = _KEYS.get(key, (key, ord(key[0].upper())))
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                **({"text": text} if kind == "keyDown" else {}),
            )

    def next(self, key="Enter"):
        """Press a key that leads to another page, and wait for it."""
        self.js("window.old = true")
        self.press(key)
        self.wait("!window.old && document.readyState === 'complete'")

    def picture(self, width, height, path, scheme="light"):
        """Write what the page looks like at a size, in a colour scheme, as PNG."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        self._browser.call("Target.closeTarget", targetId=self._target)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if _CHROMIUM is None:
        pytest.skip("no Chromium on the path")
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()
