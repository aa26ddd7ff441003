"""The house rules that a machine can check; house order itself is checked by import-linter."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("app", "compounding", "unitdose", "devices")
LONGEST = 500
LONG = 350

# A module over 350 lines wants a reason; write it here, one sentence.
LONG_FOR_A_REASON: dict[str, str] = {}

# A migration is a list of facts, written once, never edited and never called by anything.
MIGRATIONS = "app/db/migrations/versions/"

# pytest needs no reason: it is what runs this line.
SPEAKS_FOR_ITSELF = ("pytest>=",)

# A loop that has to outlive whatever one turn of it does, and nothing else, may catch everything.
LOOPS = ("app/worker.py", "app/interop/listening.py", "app/interop/sending.py")

# Where things are put together, and the only places that may ask what time it is.
CLOCKED = ("app/main.py", "app/demo.py", "app/worker.py", "app/cli/")
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "localtime", "gmtime"}
# How long something took, or how long to wait, is no date and may be asked anywhere outside the rules.
CLOCK_OWNERS = {"datetime", "date", "time"}

# Doses are Decimal. The statistics of a weight window are the one place for floats.
NO_FLOATS = ("app/core/", "compounding/", "unitdose/")
FLOATS_ALLOWED = ("compounding/gravimetry.py",)

# Absolute paths of a build machine; 'app/work/' inside a path of our own is none.
MACHINE_PATHS = re.compile(rb"(?<![\w.-])/(?:wor" + rb"k|tmp/b|roo" + rb"t)/")


def modules() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=name(path))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_a_module_is_short_enough_to_be_read() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    lengths = {path: lines for path, lines in lengths.items() if not path.startswith(MIGRATIONS)}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}
    long = {path for path, lines in lengths.items() if lines > LONG}
    assert long - set(LONG_FOR_A_REASON) == set(), "over 350 lines: split it, or give its reason in this test"
    assert set(LONG_FOR_A_REASON) - long == set(), "this reason is not needed any more"
    assert all(len(reason) > 20 for reason in LONG_FOR_A_REASON.values())


def test_app_is_floor_and_roof_and_its_init_stays_empty() -> None:
    assert (ROOT / "app/__init__.py").read_bytes() == b""


def test_the_web_framework_stays_at_the_edge() -> None:
    strayed = [
        f"{name(path)} imports {module}"
        for path in modules()
        for module in imports(path)
        if module.split(".")[0] in ("fastapi", "starlette")
        and not (name(path).startswith("app/web/") or name(path) == "app/main.py")
    ]
    assert strayed == []


def test_edges_speak_to_rooms_and_not_to_the_database() -> None:
    strayed = [
        f"{name(path)} imports {module}"
        for path in modules()
        if name(path).startswith("app/web/")
        for module in imports(path)
        if module.split(".")[0] in ("sqlalchemy", "psycopg", "alembic")
    ]
    assert strayed == []


# What the kinds of module may import from outside, told by the file name (house rules, "Kinds of module").
EDGES = ("app/web/", "app/cli/", "app/worker.py", "app/main.py", "app/demo", "app/interop/mllp.py", "app/logs.py")
DATABASE = ("app/db/", "app/tables.py")
NOT_PURE = ("models.py", "actions.py", "queries.py", "scheduler.py")
PURE_LIBRARIES = {"numpy", "biip", "app", "compounding", "unitdose", "devices"}
# A pure module may use a library that is its very subject; each with the reason.
SUBJECT = {
    "app/identity/credentials.py": {"argon2"},  # hashing secrets
    "app/stations/photos.py": {"PIL"},  # pictures
    "app/labels/render.py": {"jinja2"},  # label templates
    "app/settings.py": {"pydantic", "pydantic_settings"},  # settings
}


def is_pure(path: Path) -> bool:
    where = name(path)
    if where.startswith(("devices/", *EDGES, *DATABASE)) or where.endswith("__init__.py"):
        return False
    return not where.endswith(NOT_PURE)


def test_pure_modules_import_pure_things_only() -> None:
    strayed = []
    for path in modules():
        if not is_pure(path):
            continue
        allowed = PURE_LIBRARIES | SUBJECT.get(name(path), set())
        for module in imports(path):
            top = module.split(".")[0]
            foreign = top not in sys.stdlib_module_names and top not in allowed
            ours = module.startswith(("app.", "compounding."))
            if foreign or module.startswith("app.db") or (ours and impure(module)):
                strayed.append(f"{name(path)} imports {module}")
    assert strayed == []


def impure(module: str) -> bool:
    return module.endswith(("models", "actions", "queries", "scheduler"))


def test_queries_never_write() -> None:
    writes = {"add", "add_all", "delete", "flush", "commit", "merge"}
    found = [
        f"{name(path)}:{node.lineno}"
        for path in modules()
        if name(path).endswith("queries.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in writes
        and getattr(node.value, "id", "") in ("session", "tx")
    ]
    assert found == []


def clock_reads(path: Path) -> Iterator[str]:
    """Every call such as datetime.now() or time.time(), and every import that would hide one."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            owner = node.func.value
            owner_name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if owner_name in CLOCK_OWNERS:
                yield f"{name(path)}:{node.lineno} {owner_name}.{node.func.attr}()"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            for alias in node.names:
                if alias.name in CLOCKS:
                    yield f"{name(path)}:{node.lineno} from time import {alias.name}"


def test_time_is_an_argument_and_only_the_composition_root_reads_a_clock() -> None:
    reads = [read for path in modules() if not name(path).startswith(CLOCKED) for read in clock_reads(path)]
    assert reads == []


def test_the_search_for_clocks_finds_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    planted = tmp_path / "planted.py"
    planted.write_text("import datetime\nfrom time import time\na = datetime.datetime.now()\nb = datetime.date.today()")
    assert [read.split()[0] for read in clock_reads(planted)] == ["planted.py:2", "planted.py:3", "planted.py:4"]


def float_calls(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "float":
            yield f"{name(path)}:{node.lineno} float(…)"
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{name(path)}:{node.lineno} {node.value}"


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """Whether a handler takes whatever comes and does not pass it on."""
    named = [handler.type] if handler.type is None or isinstance(handler.type, ast.Name) else []
    wide = any(each is None or each.id in ("Exception", "BaseException") for each in named)
    passed_on = isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None
    return wide and not passed_on


def test_only_the_loops_of_workers_catch_everything() -> None:
    wide = {
        name(path)
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and _catches_all(node)
    }
    assert wide == set(LOOPS)


def test_a_dose_is_never_a_float() -> None:
    found = [
        use
        for path in modules()
        if name(path).startswith(NO_FLOATS) and name(path) not in FLOATS_ALLOWED
        for use in float_calls(path)
    ]
    assert found == []


def test_every_dependency_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    for dependency in wanted:
        line = next(line for line in text.splitlines() if line.strip().startswith(f'"{dependency}"'))
        if not dependency.startswith(SPEAKS_FOR_ITSELF):
            assert re.search(r"#\s*\S.{3}", line), f"{dependency} has no reason"


def test_what_is_pinned_names_no_host() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*==\S+( ; .+)?", line), f"{path.name}: {line}"


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.fail("this is no git checkout, so what is under version control cannot be told")
    return [ROOT / path for path in listed.stdout.decode().split("\0") if path]


def test_nothing_under_version_control_betrays_the_machine_it_was_made_on() -> None:
    found = []
    for path in tracked():
        if not path.is_file() or "vendor" in path.parts:
            continue
        content = path.read_bytes()
        found += [f"{name(path)} holds {words.decode()}" for words in MACHINE_PATHS.findall(content)]
    assert found == []
