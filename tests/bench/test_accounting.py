import os
import subprocess
import sys

from bench.accounting import Meter, children_of, cpu_of, memory_of

BUSY = "import time\nwhile time.process_time() < 0.3: pass"


def test_a_meter_counts_what_a_process_took_since_it_was_made() -> None:
    before = cpu_of(os.getpid())
    meter = Meter({"web": [os.getpid()]})
    while cpu_of(os.getpid()) < before + 0.2:
        pass
    assert 0.1 < meter.read()["web"] < 2


def test_children_that_ended_count_for_the_database() -> None:
    meter = Meter({"database": [os.getpid()], "web": [os.getpid()]})
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    read = meter.read()
    assert read["database"] - read["web"] > 0.2


def test_children_that_run_are_found() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in children_of(os.getpid())
        child.communicate(b"\n")


def test_memory_is_in_bytes() -> None:
    assert 5e6 < memory_of(os.getpid()) < 5e9
