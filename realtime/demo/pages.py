"""One person's browser, as far as a demo needs one: cookies, forms and their tokens, over real HTTP."""

from __future__ import annotations

import re
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, Request, build_opener

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
PATIENCE = 40.0  # seconds; SQLite lets writers wait for 30


class PageError(Exception):
    """A page did not do what it was asked; the message is for whoever watches the demo."""


class Browser:
    """Not shared between threads. Raises OSError when no server answers, PageError when one refuses."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.is_signed_in = False
        # No proxy, whatever the environment says: it is this site that is asked.
        self._opener: OpenerDirector = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))

    def submit(self, path: str, **fields: str) -> None:
        """Fill in the form of a page and send it. A form that comes back, with what it complains of, is refused."""
        token = TOKEN.search(self._open(Request(self.url + path)))
        if token is None:
            raise PageError(f"{path} shows no form.")
        body = urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        page = self._open(Request(self.url + path, body, {"Referer": self.url + path}))
        if 'class="field has-errors"' in page or 'class="form-errors"' in page:
            raise PageError(f"{path} did not take what was filled in.")

    def register(self, username: str, email: str, password: str) -> None:
        self.submit("/accounts/register/", username=username, email=email, password1=password, password2=password)
        self.is_signed_in = True

    def sign_in(self, username: str, password: str) -> None:
        if not self.is_signed_in:
            self.submit("/accounts/login/", username=username, password=password)
            self.is_signed_in = True

    def _open(self, request: Request) -> str:
        try:
            with self._opener.open(request, timeout=PATIENCE) as response:
                text: str = response.read().decode(errors="replace")
                return text
        except HTTPError as error:
            raise PageError(f"{request.selector} answered {error.code}.") from error


def answers(url: str) -> bool:
    """Whether this site is served there."""
    try:
        with build_opener(ProxyHandler({})).open(f"{url.rstrip('/')}/healthz", timeout=3) as response:
            return bool(response.status == 200)
    except (OSError, ValueError):
        return False
