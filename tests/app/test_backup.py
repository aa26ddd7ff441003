"""The drill: back up, restore into an empty place, and prove that everything is there; on both databases."""

import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from app.audit.queries import verify
from app.cli.backup import make_backup, restore_backup
from app.cli.records import anchor_of
from app.core.errors import Refused
from app.db import backup as copies
from app.db.session import SYSTEM, Db
from app.stations.actions import keep_photo
from app.stations.photos import PhotoStore, read_picture
from app.tables import metadata
from tests.conftest import SetClock
from tests.hospital import Hospital, hospital

Empty = Callable[[], Db]


def photo(red: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), (red, 90, 120)).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> PhotoStore:
    return PhotoStore(tmp_path / "photos")


@pytest.fixture
def house(db: Db, store: PhotoStore) -> Hospital:
    """A hospital with a dose that is made, and a photo."""
    house = hospital(db)
    picture = read_picture(photo(200))
    store.put(picture)
    with db.write(house.who("tina")) as tx:
        keep_photo(tx, picture)
    return house


@pytest.fixture
def empty(db: Db, request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> Empty:
    """Makes a database of the same kind in an empty place."""

    def make() -> Db:
        if db.is_sqlite:
            return Db(f"sqlite:///{tmp_path / 'restored' / 'laminar.db'}", clock)
        name = f"restored_{abs(hash(request.node.name)) % 10**9}"
        return Db(request.getfixturevalue("postgresql")(name, "template0"), clock)

    return make


def test_the_drill(house: Hospital, store: PhotoStore, empty: Empty, tmp_path: Path) -> None:
    db, backups = house.db, tmp_path / "backups"
    work_id = house.claim(house.dose(house.order()))
    folder, manifest, missing = make_backup(db, backups, store.folder)
    house.until(work_id, "bag-before")  # what happens after the backup is not in it
    assert missing == []
    assert manifest.counts["preparation"] == 1
    assert manifest.photos == [read_picture(photo(200)).sha256]

    restored, photos = empty(), tmp_path / "restored-photos"
    assert restore_backup(restored, folder, photos) == manifest
    with restored.read() as session:
        assert verify(session, manifest.anchor).broken is None
        assert copies.counts(session, metadata) == manifest.counts
    assert PhotoStore(photos).get(manifest.photos[0]) == store.get(manifest.photos[0])

    # Work goes on where it stood, numbers and walls included.
    again = Hospital(restored, house.people)
    while again.step(work_id):
        pass
    again.finish(work_id)
    again.release(work_id)
    with restored.read() as session:
        assert verify(session, manifest.anchor).broken is None
    with pytest.raises(Refused, match="into an empty"):
        restore_backup(restored, folder, tmp_path / "other-photos")
    restored.close()


def test_a_backup_that_was_touched_is_not_restored(
    house: Hospital, store: PhotoStore, empty: Empty, tmp_path: Path
) -> None:
    backups = tmp_path / "backups"
    folder, manifest, _ = make_backup(house.db, backups, store.folder)
    restored, photos = empty(), tmp_path / "restored-photos"

    told = json.loads((folder / copies.MANIFEST).read_text())
    for change, why in (
        ({"anchor": [manifest.anchor[0], "0" * 64]}, "not the one that was anchored"),
        ({"counts": manifest.counts | {"signature": 99}}, "Table signature has"),
        ({"kind": "oracle"}, "This backup is of a oracle database"),
    ):
        (folder / copies.MANIFEST).write_text(json.dumps(told | change))
        with pytest.raises(Refused, match=why):
            restore_backup(restored, folder, photos)
    (folder / copies.MANIFEST).write_text(json.dumps(told))

    kept = backups / "photos" / manifest.photos[0][:2] / f"{manifest.photos[0]}.jpg"
    kept.rename(tmp_path / "aside")
    with pytest.raises(Refused, match="Photo .* is missing or was changed"):
        restore_backup(restored, folder, photos)
    (tmp_path / "aside").rename(kept)

    name = next(iter(manifest.files))
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    whole = shutil.copy(folder / name, tmp_path / "whole")
    (folder / name).write_bytes(bytes(data))
    with pytest.raises(Refused, match="is missing or was changed. Take an older backup"):
        restore_backup(restored, folder, photos)

    # After all these refusals the place is still empty, and the whole backup goes in.
    shutil.copy(whole, folder / name)
    assert restore_backup(restored, folder, photos) == manifest
    restored.close()


def test_photos_are_copied_once_and_a_lost_one_is_told(house: Hospital, store: PhotoStore, tmp_path: Path) -> None:
    db, backups = house.db, tmp_path / "backups"
    make_backup(db, backups, store.folder)
    first = read_picture(photo(200)).sha256
    copy = backups / "photos" / first[:2] / f"{first}.jpg"
    written = copy.stat().st_mtime_ns
    second = read_picture(photo(90))
    with db.write(house.who("tina")) as tx:
        keep_photo(tx, second)
    db.clock.forward(hours=1)  # type: ignore[attr-defined]
    _, manifest, missing = make_backup(db, backups, store.folder)
    assert missing == [second.sha256]
    assert manifest.photos == [first]
    assert copy.stat().st_mtime_ns == written
    assert copies.newest(backups) == db.clock()


def test_an_unfinished_backup_does_not_count(tmp_path: Path) -> None:
    assert copies.newest(tmp_path) is None
    (tmp_path / "2026-11-22T01-00-00Z.part").mkdir()
    (tmp_path / "2026-11-22T01-00-00Z.part" / copies.MANIFEST).write_text("{}")
    (tmp_path / "2026-11-22T02-00-00Z").mkdir()
    assert copies.newest(tmp_path) is None
    with pytest.raises(Refused, match="holds no finished backup"):
        copies.read_manifest(tmp_path / "2026-11-22T02-00-00Z")


def test_a_restored_file_never_lies_over_a_live_one(tmp_path: Path, sqlite_template: Path) -> None:
    at = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
    live = tmp_path / "laminar.db"
    shutil.copy(sqlite_template, live)
    db = Db(f"sqlite:///{live}", lambda: at)
    with db.write(SYSTEM):
        pass
    folder, _, _ = make_backup(db, tmp_path / "backups", tmp_path / "photos")
    with pytest.raises(Refused, match="laminar.db is there already"):
        restore_backup(db, folder, tmp_path / "photos")
    db.close()
    live.unlink()
    Path(f"{live}-wal").write_bytes(b"of the old one")
    with pytest.raises(Refused, match="-wal is there already"):
        restore_backup(db, folder, tmp_path / "photos")


def test_a_backup_is_an_anchor(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "laminar.db")
    at = datetime(2026, 11, 22, tzinfo=UTC)
    db = Db(f"sqlite:///{tmp_path / 'laminar.db'}", lambda: at + timedelta(0))
    folder, manifest, _ = make_backup(db, tmp_path / "backups", tmp_path / "photos")
    assert anchor_of(str(folder)) == anchor_of(str(folder / "manifest.json")) == manifest.anchor
    assert anchor_of(f"12:{'ab' * 32}") == (12, "ab" * 32)
    with pytest.raises(Refused, match="NUMBER:HASH"):
        anchor_of("twelve")
    db.close()
