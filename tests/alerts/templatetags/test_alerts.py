import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import Context, Template

BELL = Template("{% load alerts %}{% alerts_bell %}")


@pytest.mark.django_db
def test_it_asks_the_database_nothing_and_says_whose_bell_it_is(ada, django_assert_num_queries):
    with django_assert_num_queries(0):
        html = BELL.render(Context({"user": ada}))
    assert f'data-user="{ada.pk}"' in html
    assert 'data-latest="/alerts/latest/"' in html
    assert 'data-socket="/ws/feed/"' in html
    assert 'data-session-url="/accounts/session"' in html


@pytest.mark.parametrize("context", [{}, {"user": None}, {"user": AnonymousUser()}])
def test_who_is_not_signed_in_has_none(context):
    assert BELL.render(Context(context)).strip() == ""


@pytest.mark.django_db
def test_a_key_that_is_no_number_is_text(ada):
    ada.pk = '"><script>'
    assert "<script>" not in BELL.render(Context({"user": ada})).replace('<script type="module"', "")
