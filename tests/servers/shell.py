"""A process with Django set up that stays: many small acts on a site's database, each in milliseconds."""

import json
import subprocess
from types import TracebackType
from typing import Any, Self

from tests.servers.environment import PYTHON, ROOT
from tests.servers.site import Site

_LOOP = """
import json, sys
import django
django.setup()
names = {}
answers, sys.stdout = sys.stdout, sys.stderr  # what the code prints is no answer
for line in sys.stdin:
    code = json.loads(line)
    try:
        try:
            answer = eval(code, names)
        except SyntaxError:
            answer = exec(code, names)
        print(json.dumps({"answer": answer}, default=str), file=answers, flush=True)
    except BaseException as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers, flush=True)
"""


class Shell:
    """`shell("1 + 1")` gives what an expression gives, through JSON; a statement gives None. Names stay."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __enter__(self) -> Self:
        with (self._site.directory / "shell.log").open("ab") as log:
            self._popen = subprocess.Popen(
                [PYTHON, "-c", _LOOP],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=self._site.environment,
                text=True,
                bufsize=1,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._popen.terminate()
        self._popen.wait(10)
        for stream in (self._popen.stdin, self._popen.stdout):
            if stream is not None:
                stream.close()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def __call__(self, code: str) -> Any:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(json.dumps(code) + "\n")
        answer = json.loads(self._popen.stdout.readline())
        if "error" in answer:
            raise AssertionError(f"{code}\n{answer['error']}")
        return answer["answer"]
