import re

import pytest
from django.core.mail import EmailMultiAlternatives

from alerts.mail import Mail

FIELDS = {
    "plain": {"subject": "News"},
    "long": {"subject": "News " * 40},
    "foreign": {"subject": "Grüße", "body": "Grüße, " * 30, "to": ["Ada Grün <ada@example.org>"]},
    "many": {"to": [f"user{number}@example.org" for number in range(20)]},
    "headers": {"headers": {"Message-ID": f"<{'x' * 90}@example.org>", "X-Tab": "a\tb"}},
}


def written(message, html):
    if html:
        message.attach_alternative("<p>Grüße</p>", "text/html")
    text = message.message().as_bytes(linesep="\r\n")
    for boundary in set(re.findall(rb'boundary="([^"]+)"', text)):
        text = text.replace(boundary, b"boundary")
    return re.sub(rb"boundary=\s*", b"boundary=", re.sub(rb";\r\n boundary", b"; boundary", text))


@pytest.mark.parametrize("html", [False, True], ids=["text", "html"])
@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
def test_it_is_what_django_writes(fields, html):
    fields = {"subject": "News", "body": ".\nWords", "to": ["ada@example.org"], **fields}
    fields["headers"] = {"Message-ID": "<1@example.org>", "Date": "today", **fields.get("headers", {})}
    assert written(Mail(**fields), html) == written(EmailMultiAlternatives(**fields), html)


def test_each_has_a_boundary_of_its_own():
    boundaries = set()
    for _ in range(3):
        mail = Mail("News", "Words", to=["ada@example.org"])
        mail.attach_alternative("<p>Words</p>", "text/html")
        boundaries.add(mail.message().get_boundary())
    assert len(boundaries) == 3


def test_a_header_of_several_lines_is_refused():
    with pytest.raises(ValueError, match="newlines"):
        Mail("News\nBcc: eve@example.org", "Words", to=["ada@example.org"]).message()
