"""The page of a listening test: a Flask application, served by waitress.

GET / shows where a listener is: the introduction, a clip or pair, the questions on a set, the end.
POST /start begins, POST /answer keeps an answer; both lead back to /. GET /clip/ID.wav is the only
way to a file of the test's folder, and only for the ids that test.json lists. A listener is
recognised by a signed cookie that holds a random number.
"""

import datetime
import math
import secrets
import sqlite3

import flask
from waitress.server import create_server
from werkzeug.exceptions import HTTPException

from tfwave.errors import UserError
from tfwave.listening import guard, order
from tfwave.listening.store import Store

_COOKIE_DAYS = 180
_ANSWER_SECONDS = 5  # beside listening, to say how long a test takes
_THREADS = 8
_SENTENCES = {
    400: "This request makes no sense here.",
    403: "This form is not from the page that is open in this browser; open the page again. "
    "Cookies must be allowed.",
    404: "There is nothing here.",
    405: "This address does not take such requests.",
    413: "That is far more than an answer needs.",
    429: "These are very many requests; please wait a minute.",
    500: "Something went wrong here, and is not your fault. Nothing that you answered is lost.",
    503: "Your answer could not be kept just now; please go back and send it again.",
}


def create_app(test, store, host="127.0.0.1", requests_per_minute=600, listeners_per_hour=120):
    """Return the Flask application of a test.

    Args:
      test: `ListeningTest`.
      store: its `Store`.
      host: that it is served on; on a loopback address other names of the machine are refused.
      requests_per_minute: that one address may make.
      listeners_per_hour: that one address may begin.
    """
    app = flask.Flask(__name__)
    app.config.update(
        SECRET_KEY=store.secret,
        # Cookies do not tell ports apart, and two tests may run on one machine.
        SESSION_COOKIE_NAME=f"listening_{test.id[:12]}",
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=datetime.timedelta(days=_COOKIE_DAYS),
        MAX_CONTENT_LENGTH=guard.MOST_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=guard.MOST_FORM_BYTES,
        MAX_FORM_PARTS=guard.MOST_FIELDS,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    limiter = guard.Limiter(requests_per_minute, listeners_per_hour)
    page = _Page(test, store, limiter)

    @app.before_request
    def _admit():
        if not limiter.allows_request():
            flask.abort(429)
        if guard.is_loopback(host) and not guard.asked_as_loopback():
            flask.abort(400, "This test is served under another name.")
        if flask.request.method == "POST" and not guard.is_own_form():
            flask.abort(403)

    app.add_url_rule("/", view_func=page.show, endpoint="show")
    app.add_url_rule("/start", view_func=page.start, endpoint="start", methods=["POST"])
    app.add_url_rule("/answer", view_func=page.answer, endpoint="answer", methods=["POST"])
    app.add_url_rule("/clip/<clip>.wav", view_func=page.clip, endpoint="clip")
    app.after_request(guard.set_headers)
    app.register_error_handler(HTTPException, _apologise)
    app.register_error_handler(sqlite3.Error, lambda _: _error(503))
    app.context_processor(lambda: {"form_token": guard.form_token})
    return app


def _apologise(error):
    response = _error(error.code or 500, error.description if error.code == 400 else "")
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    if error.code == 429:
        response.headers["Retry-After"] = "60"
    return response


def _error(code, sentence=""):
    sentence = sentence or _SENTENCES.get(code, _SENTENCES[500 if code >= 500 else 400])
    return flask.make_response(flask.render_template("error.html", sentence=sentence), code)


class _Page:
    """The views of one test."""

    def __init__(self, test, store, limiter):
        self._test, self._store, self._limiter = test, store, limiter

    def show(self):
        """Show the page that this listener is at."""
        rater = self._rater()
        if rater is None:
            return self._introduction()
        turn = self._store.turn(rater)
        if turn is None:
            notice = flask.session.pop("notice", "")
            return flask.render_template("end.html", answers=len(rater.steps), notice=notice)
        questions = (self._test.question,) if turn.item else self._test.set_questions
        return self._turn_page(rater, turn, questions)

    def _rater(self):
        token = flask.session.get("rater")
        return self._store.rater(token) if isinstance(token, str) else None

    def _turn_page(self, rater, turn, questions, notice="", code=200):
        clips = turn.item.clips if turn.item else ()
        names = ("A", "B") if len(clips) == 2 else ("",)
        sides = clips[::-1] if turn.swapped else clips
        sets = max((step.set for step in rater.steps), default=0) + 1
        return flask.render_template(
            "turn.html",
            questions=questions,
            clips=list(zip(names, sides, strict=False)),
            place=turn.place,
            steps=len(rater.steps),
            part=f"Set {turn.step.set + 1} of {sets}"
            if self._test.set_size and (turn.step.role != order.WARMUP)
            else "",
            warmup=turn.step.role == order.WARMUP,
            notice=notice or flask.session.pop("notice", ""),
        ), code

    def _introduction(self, notice="", code=200):
        clip = secrets.choice(
            [clip for clip in self._test.sound_check if clip != flask.session.get("sound")]
        )
        flask.session["sound"] = clip
        test = self._test
        steps = order.steps(test)
        return flask.render_template(
            "start.html",
            test=test,
            clip=clip,
            notice=notice,
            steps=len(steps),
            sets=len([step for step in steps if step.role == order.QUESTIONS]),
            minutes=_minutes(test, steps),
            tones=sorted(test.sound_check.values()),
        ), code

    def start(self):
        """Begin the test when the sound check is passed."""
        if self._rater() is not None:
            return _back("You had begun before; here you go on.")
        form = flask.request.form
        tones = self._test.sound_check.get(flask.session.get("sound"))
        if form.get("headphones") not in ("0", "1"):
            return self._introduction("Please say whether you wear headphones.", 400)
        if form.get("tones") != str(tones):
            return self._introduction(
                "That was another number of tones. Here is a new sound: play it and count again.",
                400,
            )
        if not self._limiter.allows_listener():
            flask.abort(429)
        flask.session["rater"] = self._store.add_rater(form["headphones"] == "1")
        flask.session.pop("sound", None)
        return _back()

    def answer(self):
        """Keep the answer to a page."""
        rater = self._rater()
        if rater is None:
            flask.abort(403)
        form = flask.request.form
        place = form.get("place", "")
        if not place.isascii() or not place.isdigit() or int(place[:9]) >= len(rater.steps):
            flask.abort(400, "There is no such page in this test.")
        place = int(place)
        questions = (self._test.question,)
        if rater.steps[place].role == order.QUESTIONS:
            questions = self._test.set_questions
        try:
            values = {
                question.key: question.check(form.get(question.key)) for question in questions
            }
            stored = self._store.answer(rater, place, values)
        except ValueError as error:
            flask.abort(400, _capital(error))
        return _back("" if stored else "That page was answered before; nothing was changed.")

    def clip(self, clip):
        """Send one clip of the test."""
        path = self._test.clip_path(clip)
        if path is None:
            flask.abort(404)
        response = flask.send_file(path.resolve(), "audio/wav", conditional=True, etag=clip)
        response.headers["Cache-Control"] = "private, max-age=86400"
        return response


def _back(notice=""):
    """Redirect to the page that the listener is at, with a sentence to show there."""
    if notice:
        flask.session["notice"] = notice
    return flask.redirect(flask.url_for("show"), 303)


def _capital(error):
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _minutes(test, steps):
    """Estimate how long a listener needs."""
    clips = [
        sum(test.clips[clip]["seconds"] for clip in item.clips) for item in test.having(order.ITEM)
    ]
    each = 1.3 * sum(clips) / len(clips) + _ANSWER_SECONDS
    return max(1, math.ceil(each * len(steps) / 60))


def _port(server):
    # A name may stand for several addresses; then waitress opens as many sockets.
    several = getattr(server, "effective_listen", None)
    return several[0][1] if several else server.effective_port


def serve(test, host="127.0.0.1", port=8765, requests_per_minute=600, say=print):
    """Serve a test until the process is interrupted.

    Args:
      test: `ListeningTest`.
      host: address to listen on.
      port: TCP port; 0 for a free one.
      requests_per_minute: that one address may make.
      say: function that is given the line with the address.

    Raises:
      UserError: the address cannot be used, or the database is not this test's.
    """
    store = Store(test)
    app = create_app(test, store, host, requests_per_minute)
    try:
        server = create_server(
            app,
            host=host,
            port=port,
            threads=_THREADS,
            ident=None,
            channel_timeout=60,
            max_request_body_size=2 * guard.MOST_FORM_BYTES,
            max_request_header_size=guard.MOST_HEADER_BYTES,
            clear_untrusted_proxy_headers=True,
        )
    except OSError as error:
        raise UserError(
            f"cannot listen on {host}, port {port} ({error.strerror or error}); "
            "choose others with --host and --port"
        ) from None
    try:
        shown = f"[{host}]" if ":" in host else host
        say(f"listening test {test.id[:12]} on http://{shown}:{_port(server)}/")
        server.run()
    finally:
        server.close()
        store.close()
