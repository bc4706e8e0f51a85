"""Protection of the page of a listening test: headers, form tokens, sizes, rates."""

import hmac
import ipaddress
import secrets

import flask
import limits
from werkzeug.sansio.utils import host_is_trusted

MOST_FORM_BYTES = 8 * 1024
MOST_HEADER_BYTES = 16 * 1024
MOST_FIELDS = 20

# The page, its style, its script and its sounds come from this server, and nothing else does.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "X-Robots-Tag": "noindex",
}
_FORM_TOKEN = "form"


def is_loopback(host):
    """Return whether only this machine reaches a server on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def asked_as_loopback():
    """Return whether this request names this machine as only itself does.

    A page from elsewhere could otherwise point its own name at this server, and read the answers.
    """
    name = flask.request.headers.get("Host", "")
    return host_is_trusted(name, ["localhost", "127.0.0.1", "[::1]"])


def set_headers(response):
    """Set the security headers of a response; caches never store pages."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def form_token():
    """Return the secret that every form of this browser carries, drawn on first use."""
    if _FORM_TOKEN not in flask.session:
        flask.session[_FORM_TOKEN] = secrets.token_urlsafe(24)
        flask.session.permanent = True
    return flask.session[_FORM_TOKEN]


def is_own_form():
    """Return whether the form of this request came from a page that this server gave out."""
    token = flask.session.get(_FORM_TOKEN, "")
    sent = flask.request.form.get("form_token", "")
    return bool(token) and hmac.compare_digest(token.encode(), sent.encode())


class Limiter:
    """Counter of the requests of an address in moving windows.

    Args:
      requests_per_minute: of one address, of any kind.
      listeners_per_hour: that may begin from one address.
    """

    def __init__(self, requests_per_minute, listeners_per_hour):
        self._windows = limits.strategies.MovingWindowRateLimiter(limits.storage.MemoryStorage())
        self._requests = limits.RateLimitItemPerMinute(requests_per_minute)
        self._listeners = limits.RateLimitItemPerHour(listeners_per_hour)

    def allows_request(self):
        """Count the present request; returns whether it is within the limit."""
        return self._windows.hit(self._requests, "requests", flask.request.remote_addr or "")

    def allows_listener(self):
        """Count a new listener; returns whether it is within the limit."""
        return self._windows.hit(self._listeners, "listeners", flask.request.remote_addr or "")
