import subprocess
import sys
from typing import Any

from tests.servers.clock import Clock

TELL = "import sys, time\nfor line in sys.stdin: print(time.time(), time.monotonic(), flush=True)"


def test_a_clock_jumps_while_its_process_runs_and_only_the_wall_clock(tmp_path):
    clock = Clock(tmp_path)
    process: Any = subprocess.Popen(
        [sys.executable, "-c", TELL], env=clock.settings, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )

    def tell():
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        wall, monotonic = process.stdout.readline().split()
        return float(wall), float(monotonic)

    with process:
        wall, monotonic = tell()
        for offset, seconds in {"+61": 61, "-25h": -90_000, "+1y": 365 * 86_400, "+0.05": 0.05, "+0": 0}.items():
            clock.jump(offset)
            found = tell()
            assert abs(found[0] - wall - seconds - (found[1] - monotonic)) < 0.04, offset
            assert 0 <= found[1] - monotonic < 30
        process.communicate()
