from alerts.conf import Conf, conf, unknown_keys


def test_without_settings_there_are_defaults(settings):
    del settings.ALERTS
    assert conf() == Conf()
    assert unknown_keys() == []


def test_settings_are_read_at_each_use(settings):
    settings.ALERTS = {"WINDOW": 7, "ORIGINS": ["https://a.example"]}
    assert (conf().WINDOW, conf().ORIGINS, conf().HEARTBEAT) == (7, ("https://a.example",), 15)
    settings.ALERTS = {"WINDOW": 8}
    assert conf().WINDOW == 8


def test_unknown_keys_are_named_and_change_nothing(settings):
    settings.ALERTS = {"WINDOWS": 7, "A": 1}
    assert conf() == Conf()
    assert unknown_keys() == ["A", "WINDOWS"]
