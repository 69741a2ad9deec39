from contextlib import ExitStack
from pathlib import Path

import pytest

from bench import native
from bench.audience import Audience
from bench.contenders import Limit
from bench.stage import Stage


@pytest.fixture(params=["C", "Python"])
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each program as it is, and its stand-in."""
    if request.param == "Python":
        monkeypatch.setattr(native, "program", lambda name: None)
    elif native.language() != "C":
        pytest.skip("no C compiler is on this system")
    return str(request.param)


def test_every_alert_reaches_every_dashboard_once_and_is_timed(tmp_path: Path, language: str) -> None:
    with ExitStack() as things:
        service = things.enter_context(Limit().running(Stage(tmp_path, things, 0)))
        audience = things.enter_context(Audience(service.ports, 20, log=tmp_path / "audience.log"))
        assert audience.open().open == 20
        service.raise_alerts(10, 0)
        heard = audience.wait(200)
        assert (heard.alerts, heard.least, heard.most, heard.again) == (200, 10, 10, 0)
        assert heard.bytes == 200 * Limit.size
        assert 0 < heard.p50 <= heard.p99 <= heard.max < 20_000
        audience.reset()
        service.raise_alerts(5, 100)
        heard = audience.wait(100)
        assert (heard.alerts, heard.again) == (100, 0)
        assert heard.last_at - heard.first_at > 0.03  # at a pace: 10 ms between two


def test_dashboards_that_were_cut_come_back(tmp_path: Path, language: str) -> None:
    with ExitStack() as things:
        service = things.enter_context(Limit().running(Stage(tmp_path, things, 0)))
        audience = things.enter_context(Audience(service.ports, 5, log=tmp_path / "audience.log"))
        audience.open()
        audience.cut()
        assert audience.resume().open == 5
        service.raise_alerts(1, 0)
        assert audience.wait(5).alerts == 5
