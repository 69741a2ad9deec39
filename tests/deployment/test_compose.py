"""No engine is needed: the files are read, and each service's command and health check run as plain processes."""

import asyncio
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.deployment import compose
from tests.servers.environment import PYTHON, ROOT, environment_of_a_process
from tests.servers.lineage import Lineage
from tests.servers.ports import free_port, wait_until
from tests.servers.process import Process
from tests.servers.site import PASSWORD, Site
from tests.servers.visitor import Visitor
from tests.servers.web import uvicorn_options

ENV_EXAMPLE = (ROOT / ".env.example").read_text()
OURS = ("migrate", "web", "relay")
WRITE_AND_DELETE = """
from accounts.models import User
from posts.models import Post
Post.objects.create(title="First", author=User.objects.get()).delete()
"""


@pytest.fixture
def services():
    return compose.compose()["services"]


def test_every_service_has_a_health_check_and_waits_for_what_it_needs(services):
    assert set(services) == {"db", "redis", *OURS}
    for name, service in services.items():
        assert "healthcheck" in service or name == "migrate"
        needs = {other: condition["condition"] for other, condition in service.get("depends_on", {}).items()}
        if name == "migrate":
            assert needs == {"db": "service_healthy"}
            assert service["restart"] == "no"
        if name in ("web", "relay"):
            assert needs == {
                "migrate": "service_completed_successfully",
                "db": "service_healthy",
                "redis": "service_healthy",
            }
            assert service["environment"]["ALERTS_RELAY"] == "off"
            assert service["environment"]["DEBUG"] == "off"


def test_what_must_be_kept_is_on_a_named_volume(services):
    named = set(compose.compose()["volumes"])
    used = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())}
    assert used == named
    assert services["db"]["volumes"] == ["database:/var/lib/postgresql/data"]


def test_images_have_a_version_and_no_port_is_open_to_the_world(services):
    for service in services.values():
        image = service["image"]
        assert image == "alerts" or re.search(r":\d+\.\d+", image), image
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:")


def test_every_variable_is_in_the_example_and_says_what_is_missing():
    for name, words in compose.variables().items():
        assert re.search(rf"^#?{name}=", ENV_EXAMPLE, re.MULTILINE), name
        assert "into .env" in words, name
    text = (ROOT / "docker-compose.yml").read_text()
    for secret in ("PASSWORD", "SECRET_KEY"):
        for line in text.splitlines():
            if secret in line and not line.strip().startswith("#"):
                assert "${" in line, line


def test_the_image_is_small_not_root_and_keeps_no_secret():
    instructions = compose.dockerfile()
    names = [name for name, _ in instructions]
    assert compose.argument("FROM") == "python:3.11-slim"
    assert compose.argument("USER") == "app"
    assert names.index("USER") < names.index("CMD")
    assert ("COPY", "requirements.txt ./") in instructions
    assert names.index("COPY") < [name for name, rest in instructions if rest != "requirements.txt ./"].index("COPY")
    assert not [rest for name, rest in instructions if name in ("ENV", "ARG") and re.search("SECRET|PASSWORD", rest)]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".env", "var", ".git", "tests"} <= set(ignored)
    assert "requirements-dev" not in (ROOT / "Dockerfile").read_text()


def test_the_image_serves_with_the_very_options_of_script_server():
    command = compose.image_command()
    options = command[command.index("realtime.asgi:application") + 1 :]
    local = [part.replace("0.0.0.0", "127.0.0.1") for part in options]
    assert sorted(local) == sorted(uvicorn_options(8000))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder the image would have, built by the steps of the Dockerfile that need no engine."""
    app = tmp_path_factory.mktemp("image") / "app"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    for name in names:
        if name and not name.startswith(("tests/", "docs/", "bench/")) and (ROOT / name).exists():
            (app / name).parent.mkdir(parents=True, exist_ok=True)
            (app / name).write_bytes((ROOT / name).read_bytes())
    [step] = [rest for name, rest in compose.dockerfile() if name == "RUN" and "collectstatic" in rest]
    environment = environment_of_a_process()
    for name in ("DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL"):
        del environment[name]
    command = step.replace("python ", f"{shlex.quote(str(PYTHON))} ", 1)
    subprocess.run(command, shell=True, cwd=app, env=environment, check=True, timeout=120)
    return app


def test_the_image_has_its_files_with_hashed_names(image):
    assert list((image / "var/static/alerts").glob("dashboard.*.js"))
    assert not (image / "var/secret-key").exists()


class Deployment:
    """The services of ours as processes, in the environment compose gives them."""

    def __init__(self, site: Site, image: Path, port: int) -> None:
        values = {
            "SECRET_KEY": "s" * 50,
            "ALLOWED_HOSTS": "127.0.0.1",
            "SITE_URL": f"http://127.0.0.1:{port}",
            "POSTGRES_PASSWORD": "p",
            "REDIS_PASSWORD": "r",
        }
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.websocket_url = f"ws://127.0.0.1:{port}/ws/feed/"
        self.site = site
        self.image = image
        self.services = compose.filled(compose.compose()["services"], values)
        # The names of the containers are known to no resolver here.
        self.servers = {name: site.environment[name] for name in ("DATABASE_URL", "REDIS_URL")}

    def environment(self, name: str) -> dict[str, str]:
        given = self.services[name]["environment"]
        assert given["DATABASE_URL"] == "postgres://alerts:p@db:5432/alerts"
        assert given["REDIS_URL"] == "redis://:r@redis:6379/0"
        return environment_of_a_process(**{**given, **self.servers})

    def command(self, name: str) -> list[str | Path]:
        return compose.here(self.services[name].get("command") or compose.image_command(), port=self.port)

    def start(self, name: str) -> Process:
        log = self.site.directory / f"{name}.log"
        return Process(self.command(name), log=log, cwd=self.image, environment=self.environment(name))

    def is_healthy(self, name: str) -> bool:
        kind, *command = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        local = compose.here(command, port=self.port)
        seconds = int(self.services[name]["healthcheck"]["timeout"].removesuffix("s"))
        environment = self.environment(name)
        answer = subprocess.run(
            local, cwd=self.image, env=environment, capture_output=True, timeout=seconds, check=False
        )
        return answer.returncode == 0


async def test_migration_web_and_relay_run_as_written_and_tell_whether_they_are_well(image, postgres, redis, tmp_path):
    site = Site(tmp_path, database_url=postgres.url(postgres.create_database()), redis_url=redis.url)
    deployment = Deployment(site, image, free_port())
    with deployment.start("migrate") as migrate:
        assert migrate.wait(seconds=60) == 0, migrate.read_log()
    with deployment.start("web") as web, deployment.start("relay") as relay:
        await asyncio.to_thread(wait_until, lambda: deployment.is_healthy("web"), seconds=30, what="a healthy web")
        relay.wait_for_log("The relay runs.")
        assert deployment.is_healthy("relay")
        site.create_users({"username": "admin", "is_staff": True, "is_superuser": True})
        visitor = Visitor(deployment.url)
        visitor.sign_in("admin", PASSWORD)
        assert re.search(r'src="/static/alerts/dashboard\.\w+\.js"', visitor.get("/").text)
        async with Lineage(deployment, visitor) as client:
            site.python(WRITE_AND_DELETE)
            await client.until(lambda: "Post titled 'First' was deleted" in client.titles, "the alert")
        assert await asyncio.to_thread(relay.terminate, seconds=30) == 0
        web.kill()
        assert not deployment.is_healthy("web")
    deployment.servers["DATABASE_URL"] = f"postgres://postgres@127.0.0.1:{free_port()}/gone"
    assert not deployment.is_healthy("relay")
