import pytest

from alerts.addresses import client_address, is_trusted


@pytest.mark.parametrize(
    ("proxies", "peer", "is_believed"),
    [
        ([], "10.0.0.1", False),
        (["10.0.0.1"], "10.0.0.1", True),
        (["10.0.0.1"], "10.0.0.2", False),
        (["10.0.0.0/8"], "10.9.9.9", True),
        (["10.0.0.1/8"], "10.9.9.9", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
        (["10.0.0.0/8", "::1"], "::1", True),
        (["127.0.0.1"], "", False),
    ],
)
def test_only_a_declared_proxy_is_believed(settings, proxies, peer, is_believed):
    settings.ALERTS = settings.ALERTS | {"TRUSTED_PROXY": proxies}
    assert is_trusted(peer) is is_believed
    assert client_address(peer, "198.51.100.1, 198.51.100.2") == ("198.51.100.2" if is_believed else peer)
    assert client_address(peer, "") == peer
