"""A browser without a screen: cookies, forms and redirects over real HTTP."""

from collections.abc import Mapping
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, Request, build_opener


class Page(NamedTuple):
    """An answer, redirects followed."""

    status: int
    url: str
    headers: Mapping[str, str]
    text: str


class Visitor:
    """One visitor of one site, signed in or not. Not safe to share between threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._cookies = CookieJar()
        # No proxy, whatever the environment says: the server is on this machine.
        self._opener: OpenerDirector = build_opener(ProxyHandler({}), HTTPCookieProcessor(self._cookies))

    def get(self, path: str, *, cookie: str = "") -> Page:
        """`cookie` is a Cookie header to send instead of the visitor's own."""
        return self._open(Request(self.url + path, headers={"Cookie": cookie} if cookie else {}))

    def post(self, path: str, fields: Mapping[str, Any] | None = None) -> Page:
        """Posts a form as the page's own script would, with the CSRF token of the cookie (any earlier page set it)."""
        headers = {"Origin": self.url, "X-CSRFToken": self._cookie("csrftoken")}
        return self._open(Request(self.url + path, urlencode(fields or {}, doseq=True).encode(), headers))

    def sign_in(self, username: str, password: str) -> None:
        """Through the form; raises AssertionError when the site does not let them in."""
        self.get("/accounts/login/")
        page = self.post("/accounts/login/", {"username": username, "password": password})
        if not self.session:
            raise AssertionError(f"{username} could not sign in: {page.status} {page.url}\n{page.text}")

    @property
    def session(self) -> str:
        """The session key, or "" when there is none."""
        return self._cookie("sessionid")

    @property
    def cookie(self) -> str:
        """The Cookie header, for a WebSocket client."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies)

    def _cookie(self, name: str) -> str:
        return next((cookie.value or "" for cookie in self._cookies if cookie.name == name), "")

    def _open(self, request: Request) -> Page:
        try:
            response: HTTPResponse | HTTPError = self._opener.open(request, timeout=30)
        except HTTPError as error:
            response = error
        with response:
            text = response.read().decode(errors="replace")
            return Page(response.status or 0, response.url or request.full_url, dict(response.headers), text)
