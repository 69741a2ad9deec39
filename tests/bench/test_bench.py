import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.bench import find_rows
from bench.figures import Curve
from bench.plot import line_chart
from tests.servers import programs
from tests.servers.environment import PYTHON, ROOT, environment_of_a_process

FAR_APART = {"one": [(1.0, 7.0), (10.0, 0.3)], "two": [(1.0, 9_000.0)]}
MUSTS = {"live", "burst", "crowd", "private", "storm", "latency", "delete"}


def test_every_row_has_its_place_in_the_table() -> None:
    rows = find_rows()
    assert {name for name, row in rows.items() if row.is_must} == MUSTS
    assert next(iter(rows)) == "live"


def test_a_quick_run_measures_writes_its_file_and_ends_what_it_started(tmp_path: Path) -> None:
    programs.POSTGRES.require()
    programs.REDIS.require()
    file = tmp_path / "bench.json"
    # The shortest row that has dashboards, a relay and all servers.
    command = [str(PYTHON), "-m", "bench", "--quick", "--only", "storm", "--json", str(file)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment_of_a_process(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(file.read_text())
    assert found["quick"] is True
    assert {"machine", "PostgreSQL", "Python", "commit"} <= set(found["machine"])
    assert list(found["rows"]) == ["storm"]
    for row in found["rows"].values():
        assert row["error"] == ""
        assert row["seconds"] > 0
        assert any(figure["reach"] for figure in row["figures"])
        for figure in row["figures"]:
            assert set(figure) == {"name", "value", "unit", "reach", "reached"}
            assert figure["value"] >= 0
    sample = found["rows"]["storm"]["samples"][0]
    assert sample["deliveries"] == sample["expected"] > 0
    assert sample["again"] == 0
    assert {"web", "relay", "database", "redis", "publisher"} == set(sample["cpu"])
    assert "a socket" in done.stdout
    assert "MISSED" not in done.stdout  # of a quick run nothing is asked
    assert "reached" not in done.stdout
    assert "Everything that was started is ended." in done.stderr


@pytest.mark.parametrize(
    "lines", [{"one": [(1.0, 2.0)]}, {"one": [(1.0, 0.0), (10.0, 3.0)], "<two>": [(5.0, 99.0)]}, FAR_APART]
)
def test_a_curve_is_drawn_as_well_formed_svg(lines: dict[str, list[tuple[float, float]]]) -> None:
    drawn = ElementTree.fromstring(line_chart(Curve("name", "A & B", "x", "µs", lines)))
    assert drawn.tag.endswith("svg")
    points = [circle for circle in drawn.iter() if circle.tag.endswith("circle")]
    assert len(points) == sum(len(line) for line in lines.values())
    assert all(0 < float(point.attrib["cy"]) < 400 for point in points)
