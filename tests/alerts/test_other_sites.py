import os
import subprocess

import pytest

from tests.servers.environment import PYTHON, ROOT, environment_of_a_process

SETTINGS = """
SECRET_KEY = "x" * 50
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "alerts", *MORE]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "OPTIONS": OPTIONS}}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
USE_TZ = True
"""
OPTIONS = 'OPTIONS = {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;"}\n'
# As in Django's own documentation: no PermissionsMixin, and `is_staff` is a property.
PEOPLE = """
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models

class Person(AbstractBaseUser):
    handle = models.CharField(max_length=50, primary_key=True)
    email = models.EmailField()
    is_admin = models.BooleanField(default=False)
    USERNAME_FIELD = "handle"
    objects = BaseUserManager()

    @property
    def is_staff(self):
        return self.is_admin

    def has_perm(self, perm, obj=None):
        return self.is_admin
"""
DECLARED = """
from django.contrib.auth import get_user_model
from django.db.models.signals import post_save
from alerts.audiences import Permission, Staff, Subject
from alerts.events import ModelEvent, alert_on

def declare(name, whom):
    @alert_on(post_save, sender=get_user_model())
    class Joined(ModelEvent):
        kind = "people." + name
        audience = whom
        title = name + " {name}"
        transports = ("email",)

        def snapshot(self, person):
            return {"name": person.get_username()}

declare("staff", Staff())
declare("permitted", Permission("people.view_person"))
declare("own", Subject())
"""
USE = """
import sys
from alerts import audiences
from alerts.models import Alert, Delivery
from django.contrib.auth import get_user_model
Person = get_user_model()
names = {name: {Person.USERNAME_FIELD: name, "email": name + "@example.org"} for name in ("ada", "bea")}
flag = "is_admin" if hasattr(Person, "is_admin") else "is_superuser"
ada = Person.objects.create(**names["ada"], **{flag: True})
bea = Person.objects.create(**names["bea"])
from alerts.relay.service import Relay
from io import StringIO
from contextlib import redirect_stdout
with redirect_stdout(StringIO()):
    Relay().run_once()
for alert in Alert.objects.order_by("position"):
    print(alert.title, sorted(alert.deliveries.filter(state="sent").values_list("address", flat=True)))
print(sorted(audiences.keys_of(bea)) == sorted(["everyone", f"user:{bea.pk}"]))
print({"staff", "perm:people.view_person"} <= audiences.keys_of(ada))
print("django_stubs_ext" in sys.modules)
"""
EVERYTHING = [
    "staff ada ['ada@example.org']",
    "permitted ada ['ada@example.org']",
    "own ada ['ada@example.org']",
    "staff bea ['ada@example.org']",
    "permitted bea ['ada@example.org']",
    "own bea ['bea@example.org']",
    "True",
    "True",
    "False",
]


@pytest.mark.parametrize("user_model", ["auth.User", "people.Person"])
def test_alerts_work_in_a_site_of_somebody_else_with_its_own_users(tmp_path, user_model):
    people = tmp_path / "people"
    people.mkdir()
    (people / "__init__.py").touch()
    (people / "alerts.py").write_text(DECLARED)
    (people / "models.py").write_text(PEOPLE if user_model == "people.Person" else "")
    auth = f"AUTH_USER_MODEL = {user_model!r}\n"
    (tmp_path / "other_settings.py").write_text('MORE = ["people"]\n' + OPTIONS + SETTINGS + auth)
    environment = environment_of_a_process(
        DJANGO_SETTINGS_MODULE="other_settings", PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)])
    )

    def manage(*arguments):
        command = [PYTHON, "-W", "error", "-m", "django", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    manage("check", "--fail-level=WARNING")
    manage("migrate", "--run-syncdb", "--verbosity=0")
    assert manage("shell", "--no-imports", "--command", USE).splitlines() == EVERYTHING
