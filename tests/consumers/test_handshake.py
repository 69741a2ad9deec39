import pytest

from consumers.handshake import Refused, Resume, client_address, resume_of, verify_origin
from tests.consumers.conftest import scope


@pytest.mark.parametrize(
    ("query", "resume"),
    [
        ("", Resume(None, None)),
        ("epoch=abc", Resume("abc", None)),
        ("epoch=abc&position=0", Resume("abc", 0)),
        ("position=9007199254740991", Resume(None, 2**53 - 1)),
        ("epoch=&position=7&x=1", Resume("", 7)),
        ("position=1&position=2", Resume(None, 2)),
    ],
)
def test_where_to_resume(query, resume):
    assert resume_of(scope("", query)) == resume


@pytest.mark.parametrize("query", ["position=9007199254740992", "position=-1", "position=", "position=x", "position=é"])
def test_a_position_that_is_none_is_refused(query):
    with pytest.raises(Refused):
        resume_of(scope("", query))


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("testserver", "http://testserver"),
        ("localhost:8000", "http://localhost:8000"),
        ("localhost:80", "http://localhost"),
        ("testserver", "http://127.0.0.1:8000"),  # SITE_URL
        ("testserver", "https://intranet.example.org"),  # ALERTS_ORIGINS
    ],
)
def test_an_origin_of_ours_is_let_in(settings, host, origin):
    settings.ALERTS = settings.ALERTS | {"ORIGINS": ["https://intranet.example.org"]}
    verify_origin(scope("", host=host, origin=origin))


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("testserver", "https://testserver"),
        ("testserver", "http://testserver:8000"),
        ("testserver:8000", "http://testserver"),
        ("testserver", "http://evil.example"),
        ("evil.example", "http://evil.example"),
        ("testserver", "null"),
        ("testserver", ""),
        ("", "http://"),
    ],
)
def test_any_other_is_refused(host, origin):
    with pytest.raises(Refused):
        verify_origin(scope("", host=host, origin=origin))


def test_over_tls_the_origin_is_https():
    verify_origin(scope("", host="testserver", origin="https://testserver") | {"scheme": "wss"})
    with pytest.raises(Refused):
        verify_origin(scope("", host="testserver", origin="http://testserver") | {"scheme": "wss"})


def test_a_forwarded_address_counts_only_from_a_declared_proxy(settings):
    forwarded = scope("", **{"x-forwarded-for": "198.51.100.1, 198.51.100.2"})
    assert client_address(forwarded) == "203.0.113.7"
    settings.ALERTS = settings.ALERTS | {"TRUSTED_PROXY": ["203.0.113.7"]}
    assert client_address(forwarded) == "198.51.100.2"
    assert client_address(scope("")) == "203.0.113.7"
