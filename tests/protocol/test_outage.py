"""The database away for a while: nobody is cut, newcomers are sent to try again, and all goes on by itself."""

from contextlib import ExitStack

import pytest
from websockets.exceptions import InvalidStatus

from tests.protocol.conftest import PREPARE, Person
from tests.servers.shell import Shell
from tests.servers.site import Site


@pytest.mark.pipeline
async def test_sockets_outlive_the_database_and_newcomers_are_refused(own_postgres, tmp_path, open_socket):
    with ExitStack() as running:
        url = own_postgres.url(own_postgres.create_database())
        site = running.enter_context(Site(tmp_path, database_url=url))
        site.manage("migrate", "--verbosity=0")
        shell = running.enter_context(Shell(site))
        shell(PREPARE)
        ann = Person(*shell("person('ann')"))
        servers = [site.serve("uvicorn"), site.serve("daphne")]
        sockets = [await open_socket(server, ann) for server in servers]
        for socket in sockets:
            await socket.frame()
        shell("from django.db import connections; connections.close_all()")
        own_postgres.stop("immediate")
        for server, socket in zip(servers, sockets, strict=True):
            with pytest.raises(InvalidStatus) as caught:
                await open_socket(server, ann)
            assert caught.value.response.status_code == 403
            await socket.send(type="ping")
            await socket.until("heartbeat")
            assert (await socket.ask(type="read_all", up_to=0))["code"] == "failed"
            log = server.read_log()
            assert "refused: the database does not answer" in log
            assert "Traceback" not in log
        own_postgres.start()
        shell(f"alert({ann.key!r}, 'back')")
        for server, socket in zip(servers, sockets, strict=True):
            assert (await socket.alerts(1, seconds=15))[0]["title"] == "back"
            assert (await (await open_socket(server, ann)).frame())["type"] == "hello"
