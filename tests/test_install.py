"""What an operator installs is the whole product: `pip install .` leaves no page, label, recipe or list behind."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("app", "compounding", "unitdose", "devices", "templates")


def test_a_wheel_holds_every_file_that_the_product_reads(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    wanted = {str(path.relative_to(source)) for room in ROOMS for path in (source / room).rglob("*") if path.is_file()}
    made = tmp_path / "made"
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(made), str(source)]
    subprocess.run(pip, check=True, capture_output=True, text=True, timeout=180)
    with zipfile.ZipFile(next(made.glob("laminar-*.whl"))) as wheel:
        held = set(wheel.namelist())
    assert len(wanted) > 400
    assert sorted(wanted - held) == []
