"""The page: what a listener meets, what is kept, and what strangers cannot do."""

import html.parser
import random
import re
import sqlite3
import threading

import pytest

pytest.importorskip("flask")
pytest.importorskip("limits")

from tfwave.listening import folder, guard, order, panel, store


def three(listener, item, swapped, key):
    return 3


@pytest.fixture
def begun(make_test, open_app, listener):
    """A test of clips, its application, and a listener who has begun."""
    test = make_test("mos")
    app = open_app(test)
    return test, app, listener(test, app)


@pytest.mark.parametrize("kind", ["mos", "pairs", "digits"])
def test_a_listener_gets_to_the_end_and_all_answers_are_kept(
    make_test, open_app, listener, answers_of, kind
):
    test = make_test(kind, count=5, recordings=10 if kind == "digits" else 0)
    one = listener(test, open_app(test))
    pages = one.run(three)
    kept = answers_of(test)
    assert len(kept) == pages and "Thank you" in one.client.get("/").text
    roles = [role for _, role, *_ in kept]
    assert roles.count(order.ITEM) == test.items_per_rater
    assert roles.count(order.CHECK) >= 1
    assert roles.count(order.WARMUP) == (2 if kind == "digits" else 0)
    assert roles.count(order.QUESTIONS) == (2 if kind == "digits" else 0)
    if kind == "digits":
        assert {"quality": 3, "ease": 3, "diversity": 3} in [values for *_, values in kept]


def test_reloading_shows_the_same_page_and_a_rating_moves_on(begun):
    _, _, one = begun
    first = one.look()
    assert one.look().clips == first.clips and first.place == 0
    one.post("/answer", place=0, rating=4)
    second = one.look()
    assert second.place == 1 and second.clips != first.clips


def test_everybody_has_a_test_of_their_own(make_test, open_app, listener):
    test = make_test("mos", count=10)
    app = open_app(test)
    one, two = listener(test, app), listener(test, app)
    for _ in range(6):
        for each in (one, two):
            each.run(three, pages=1)
    # Least rated clips come first: what one was given the other was not.
    heard = [{a.item.id for a in person.answers if a.group} for person in panel.read_panel(test)]
    assert len(heard[0]) >= 5 and not heard[0] & heard[1]


def test_a_form_that_is_sent_twice_is_answered_kindly_and_changes_nothing(begun, answers_of):
    test, _, one = begun
    one.look()
    assert one.post("/answer", place=0, rating=4).status_code == 303
    replayed = one.post("/answer", place=0, rating=1)
    assert replayed.status_code == 303
    assert "was answered before; nothing was changed" in one.client.get("/").text
    assert "answered before" not in one.client.get("/").text
    assert [values for *_, values in answers_of(test)] == [{"rating": 4}]


def test_two_answers_at_once_leave_one(begun, answers_of):
    test, app, one = begun
    rater = app.store.rater(token_of(one))
    app.store.turn(rater)
    barrier, kept = threading.Barrier(8), []

    def send(value):
        barrier.wait()
        kept.append(app.store.answer(rater, 0, {"rating": value}))

    threads = [threading.Thread(target=send, args=(1 + i % 5,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept) == [False] * 7 + [True] and len(answers_of(test)) == 1


def token_of(one):
    with one.client.session_transaction() as session:
        return session["rater"]


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"place": 0, "rating": 6}, "takes a whole number from 1 to 5, not &#39;6&#39;"),
        ({"place": 0, "rating": 0}, "from 1 to 5"),
        ({"place": 0, "rating": "<b>"}, "&lt;b&gt;"),
        ({"place": 0}, "takes a whole number from 1 to 5"),
        ({"place": 1, "rating": 3}, "That page was not reached yet"),
        ({"place": 99, "rating": 3}, "There is no such page"),
        ({"place": -1, "rating": 3}, "There is no such page"),
        ({"place": "0; DROP TABLE answers", "rating": 3}, "There is no such page"),
        ({"place": "9" * 400, "rating": 3}, "There is no such page"),
        ({"rating": 3}, "There is no such page"),
    ],
)
def test_impossible_answers_are_refused_in_one_sentence(begun, answers_of, form, sentence):
    test, _, one = begun
    one.look()
    reply = one.post("/answer", **form)
    assert reply.status_code == 400 and sentence in reply.text
    assert answers_of(test) == []


def test_forms_from_elsewhere_are_refused(begun, answers_of):
    test, app, one = begun
    one.look()
    for form in ({}, {"form_token": ""}, {"form_token": "x"}, {"form_token": "\u00e9"}):
        reply = one.client.post("/answer", data={"place": 0, "rating": 3, **form})
        assert reply.status_code == 403
    stranger = app.test_client()
    stranger.get("/")
    reply = stranger.post("/answer", data={"form_token": one.token(), "place": 0, "rating": 3})
    assert reply.status_code == 403 and answers_of(test) == []


def test_a_cookie_cannot_be_made_up(begun):
    test, app, one = begun
    stranger = app.test_client()
    stranger.set_cookie(f"listening_{test.id[:12]}", "eyJyYXRlciI6ImEifQ.aaaaaa.bbbbbb")
    assert "Sound check" in stranger.get("/").text


def test_the_sound_check_must_be_passed(make_test, open_app):
    test = make_test()
    client = open_app(test).test_client()
    text = client.get("/").text
    token = re.search(r'name="form_token" value="([^"]+)"', text)[1]
    (clip,) = re.findall(r"/clip/(\w+)\.wav", text)
    count = test.sound_check[clip]
    wrong = client.post("/start", data={"form_token": token, "tones": 9, "headphones": 1})
    assert wrong.status_code == 400 and "another number of tones" in wrong.text
    assert clip not in wrong.text  # guessing on is no way in
    unsaid = client.post("/start", data={"form_token": token, "tones": count})
    assert unsaid.status_code == 400 and "whether you wear headphones" in unsaid.text
    (clip,) = re.findall(r"/clip/(\w+)\.wav", unsaid.text)
    form = {"form_token": token, "tones": test.sound_check[clip], "headphones": 0}
    assert client.post("/start", data=form).status_code == 303
    assert "had begun before" in client.post("/start", data=form, follow_redirects=True).text
    (person,) = panel.read_panel(test)
    assert person.headphones is False and person.answers == ()


@pytest.mark.parametrize(
    "path",
    [
        "/clip/",
        "/clip",
        "/clips/",
        "/test.json",
        "/ratings.sqlite",
        "/clip/test.json",
        "/clip/..%2ftest.json",
        "/clip/../test.json",
        "/clip/%2e%2e/ratings.sqlite",
        "/clip/..%2f..%2f..%2fetc%2fpasswd.wav",
        "/clip//etc/passwd.wav",
        "/clip/%00.wav",
        "/clip/0000.wav",
        "/static/",
        "/static/../web.py",
        "/static/..%2fweb.py",
        "/static/%2e%2e/store.py",
        "/.git/config",
        "/clip/....//test.json.wav",
    ],
)
def test_no_file_but_the_clips_of_the_test(begun, path):
    test, _, one = begun
    reply = one.client.get(path)
    assert reply.status_code in (404, 308) and test.id not in reply.text
    assert "systems" not in reply.text and "import" not in reply.text


def test_clips_are_sent_whole_and_in_ranges(begun):
    test, _, one = begun
    (clip,) = one.look().clips
    data = test.clip_path(clip).read_bytes()
    whole = one.client.get(f"/clip/{clip}.wav")
    assert whole.data == data and whole.mimetype == "audio/wav"
    part = one.client.get(f"/clip/{clip}.wav", headers={"Range": "bytes=10-19"})
    assert part.status_code == 206 and part.data == data[10:20]
    kept = one.client.get(f"/clip/{clip}.wav", headers={"If-None-Match": whole.headers["ETag"]})
    assert kept.status_code == 304


def test_the_page_tells_nothing_of_the_systems(make_test, open_app, listener):
    test = make_test("mos", ("goodsystem", "badsystem"))
    one = listener(test, open_app(test))
    while (page := one.look()).place is not None:
        assert "system" not in page.text and "origin" not in page.text
        one.post("/answer", place=page.place, rating=3)


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/page.js", "/static/style.css"])
def test_headers(begun, path):
    _, _, one = begun
    reply = one.client.get(path)
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy
    assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    if not path.startswith("/static"):
        assert reply.headers["Cache-Control"] == "no-store"


def test_cookie_is_not_for_scripts_and_not_for_other_sites(make_test, open_app):
    cookie = open_app(make_test()).test_client().get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Expires" in cookie


def test_other_names_of_this_machine_are_refused(begun, make_test):
    _, _, one = begun
    reply = one.client.get("/", headers={"Host": "evil.example"})
    assert reply.status_code == 400
    assert one.client.get("/", headers={"Host": "localhost:8765"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.3.2.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.2", False),
        ("example.org", False),
    ],
)
def test_which_addresses_only_this_machine_reaches(host, loopback):
    assert guard.is_loopback(host) is loopback


def test_sizes_are_limited(begun, answers_of):
    test, _, one = begun
    one.look()
    assert one.post("/answer", place=0, rating="5" * 20_000).status_code == 413
    many = {f"x{i}": i for i in range(2000)}
    assert one.post("/answer", place=0, rating=5, **many).status_code == 413
    assert answers_of(test) == []


def test_rates_are_limited(make_test, open_app):
    client = open_app(make_test(), requests_per_minute=5).test_client()
    codes = [client.get("/").status_code for _ in range(8)]
    assert codes == [200] * 5 + [429] * 3
    reply = client.get("/")
    assert reply.headers["Retry-After"] == "60" and "please wait" in reply.text


def test_new_listeners_are_limited(make_test, open_app, listener):
    test = make_test()
    app = open_app(test, listeners_per_hour=2)
    for _ in range(4):
        listener(test, app)
    assert len(panel.read_panel(test)) == 2


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options"])
def test_other_methods_are_refused(begun, method):
    _, _, one = begun
    reply = getattr(one.client, method)("/answer")
    assert reply.status_code in (405, 403, 200)
    assert getattr(one.client, method)("/").status_code in (405, 200)
    assert one.client.get("/answer").status_code == 405


def test_nonsense_is_never_the_servers_fault(make_test, open_app, listener, answers_of):
    test = make_test("mos")
    one = listener(test, open_app(test))
    one.look()
    draw = random.Random(5)
    texts = ["", "0", "5", "-1", "1e3", "\x00", "\ud7ff", "\u0661", "x" * 999, "%00", "' OR 1"]
    for _ in range(300):
        form = {
            draw.choice(["place", "rating", "quality", "x"]): draw.choice(texts)
            for _ in range(draw.randrange(4))
        }
        form |= {"place": 1} if draw.random() < 0.3 else {}
        path = draw.choice(["/answer", "/start", "/", "/clip/x.wav", f"/{draw.random()}"])
        code = (
            one.post(path, **form).status_code
            if draw.random() < 0.8
            else one.client.get(
                path,
                query_string=form,
                headers={"Range": draw.choice(["bytes=9-", "x", "bytes=a-b"])},
            ).status_code
        )
        assert code in (200, 303, 400, 403, 404, 405), (path, form)
    assert all(1 <= values["rating"] <= 5 for *_, values in answers_of(test))


class _Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.labelled, self._depth = [], 0, 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self._depth += tag == "label"
        self.labelled += tag == "input" and attrs.get("type") == "radio" and self._depth > 0
        self.found.append((tag, attrs))

    def handle_endtag(self, tag):
        self._depth -= tag == "label"

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.mark.parametrize("kind", ["mos", "pairs", "digits"])
def test_pages_can_be_used_by_screen_readers_and_need_nothing_from_outside(
    make_test, open_app, listener, kind
):
    test = make_test(kind, items=4)
    app = open_app(test)
    texts = [app.test_client().get("/").text]
    one = listener(test, app)
    while one.look().place is not None:
        texts.append(one.look().text)
        one.run(three, pages=1)
    texts += [one.look().text, one.client.get("/nothing").text]
    for text in texts:
        page = _Page(text)
        assert page.all("html")[0]["lang"] == "en" and len(page.all("h1")) == 1
        radios = [a for a in page.all("input") if a.get("type") == "radio"]
        assert page.labelled == len(radios)
        assert len(page.all("fieldset")) == len(page.all("legend"))
        assert all(a.get("aria-label") for a in (*page.all("audio"), *page.all("progress")))
        for _, attributes in page.found:
            assert "style" not in attributes
            assert not any(name.startswith("on") for name in attributes)
            for name in ("src", "href", "action"):
                assert attributes.get(name, "/").startswith("/"), attributes
        assert all(a.get("src") for a in page.all("script")) and not page.all("style")


def test_a_database_of_another_test_is_refused(make_test, tmp_path):
    test = make_test()
    store.Store(test).close()
    other = tmp_path / "other"
    test.path.rename(other)
    again = make_test()
    (other / folder.DATABASE).rename(again.path / folder.DATABASE)
    for opened in (store.Store, panel.read_panel):
        with pytest.raises(ValueError, match="holds the ratings of another test"):
            opened(again)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b"not a database, but long enough to look at" * 99),
        lambda path: sqlite3.connect(path).execute("CREATE TABLE birds (name)").connection.close(),
        lambda path: path.mkdir(),
    ],
)
def test_what_is_no_database_of_a_test_is_refused(make_test, make):
    test = make_test()
    make(test.path / folder.DATABASE)
    for opened in (store.Store, panel.read_panel):
        with pytest.raises(ValueError, match="ratings.sqlite: "):
            opened(test)


def test_ratings_that_the_page_cannot_have_written_are_named(begun):
    test, _, one = begun
    one.run(three, pages=1)
    database = sqlite3.connect(test.path / folder.DATABASE)
    with database:
        database.execute("UPDATE answers SET value = 9")
    with pytest.raises(ValueError, match="ratings.sqlite: .* from 1 to 5, not '9'"):
        panel.read_panel(test)
    with pytest.raises(sqlite3.IntegrityError), database:
        database.execute("UPDATE answers SET value = 10")
    with database:
        database.execute("UPDATE turns SET item = 'item99999'")
    with pytest.raises(ValueError, match="has a turn that is not of this test"):
        panel.read_panel(test)
    database.close()


def test_the_database_is_durable_and_for_its_owner(begun):
    test, app, _ = begun
    path = test.path / folder.DATABASE
    assert path.stat().st_mode & 0o077 == 0
    assert app.store._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert app.store._db.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL


def test_a_full_disk_is_said_and_loses_nothing(begun, answers_of):
    test, app, one = begun
    one.run(three, pages=1)
    one.look()
    app.store._db.execute("PRAGMA query_only = ON")
    reply = one.post("/answer", place=1, rating=3)
    assert reply.status_code == 503 and "could not be kept" in reply.text
    app.store._db.execute("PRAGMA query_only = OFF")
    assert len(answers_of(test)) == 1
    assert one.post("/answer", place=1, rating=3).status_code == 303
    assert len(answers_of(test)) == 2
