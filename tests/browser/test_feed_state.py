"""The state of the page, case by case, in a real browser: each case is a function of feed_state.js."""

import re
from pathlib import Path

import pytest

from tests.servers.chromium import open_window

pytestmark = pytest.mark.browser
SCRIPT = Path(__file__).with_name("feed_state.js")
CASES = re.findall(r'^  (?:async )?"([^"]+)"\(\) \{$', SCRIPT.read_text(), flags=re.MULTILINE)


async def test_the_state_of_the_page(browser, site):
    server = site.serve()
    page = await (await open_window(browser, server.url)).new_page()
    # From this site's own address, for its policy allows no other script.
    await page.route("**/feed_state.js", lambda route: route.fulfill(path=SCRIPT, content_type="text/javascript"))
    await page.goto("/accounts/login/")
    run = """async (name) => {
        const { cases } = await import("/feed_state.js");
        try { await cases[name](); } catch (error) { return error.message; }
    }"""
    assert len(CASES) > 10
    assert {name: error for name in CASES if (error := await page.evaluate(run, name))} == {}
