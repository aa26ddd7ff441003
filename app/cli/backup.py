"""`laminar backup` and `laminar restore`: what is copied is proved when it is made, and again when it comes back."""

import re
import shutil
from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer

from app.audit.queries import verify
from app.cli.opening import open_db, settings
from app.core.canonical import sha256
from app.core.errors import Refused
from app.db import backup as copies
from app.db.grants import grant
from app.db.migrate import newest
from app.db.only_one import OnlyOne
from app.db.session import Db
from app.main import metadata, open_database
from app.stations.photos import PhotoStore

backup = typer.Typer(add_completion=False)
restore = typer.Typer(add_completion=False)
PHOTOS = "photos"
_HASH = re.compile(r"[0-9a-f]{64}")


@backup.command("backup")
def back_up(
    to: Annotated[Path | None, typer.Option(help="Folder of the backups, instead of the settings' own.")] = None,
) -> None:
    """Back up database and photos into a new folder; the product may run meanwhile. Photos are copied once."""
    chosen = settings(backups=to)
    db = open_db(chosen.database)
    try:
        folder, manifest, missing = make_backup(db, chosen.backups, chosen.photos)
    finally:
        db.close()
    rows = sum(manifest.counts.values())
    held = f"{rows:,} rows, {len(manifest.photos):,} photos"
    typer.echo(f"{folder}: {held}, the record proved to entry {manifest.anchor[0]:,}.")
    typer.echo(f"Anchor, to be kept elsewhere: {manifest.anchor[0]}:{manifest.anchor[1]}")
    for name in missing:
        typer.echo(f"Photo {name} is named by a record, but the store does not hold it whole.", err=True)
    if missing:
        raise typer.Exit(1)


@restore.command("restore")
def bring_back(
    folder: Annotated[Path, typer.Argument(help="The folder of one backup, with its manifest.json.")],
    database: Annotated[str | None, typer.Option(help="URL of the empty database to restore into.")] = None,
    photos: Annotated[Path | None, typer.Option(help="Empty folder to restore the photos into.")] = None,
    app_role: Annotated[str | None, typer.Option(help="PostgreSQL: the role that the product serves as.")] = None,
) -> None:
    """Restore a backup into an empty place and prove it: hashes, counts, the record up to its anchor, every photo."""
    chosen = settings(database=database, photos=photos)
    db = open_database(chosen)
    try:
        with OnlyOne(db):
            manifest = restore_backup(db, folder, chosen.photos)
            if app_role and not db.is_sqlite:
                grant(db, app_role, metadata)
    finally:
        db.close()
    rows = sum(manifest.counts.values())
    held = f"{rows:,} rows, {len(manifest.photos):,} photos"
    typer.echo(f"Restored the backup of {manifest.at:%d-%b-%Y %H:%M} UTC: {held}.")
    typer.echo(f"The record is whole up to entry {manifest.anchor[0]:,}, as it was anchored.")


def make_backup(db: Db, backups: Path, photos: Path) -> tuple[Path, copies.Manifest, list[str]]:
    """Make one backup; returns its folder, its manifest and the photos that a record names but the store lacks.

    Raises Refused when what was copied can not be proved; nothing then looks like a finished backup.
    """
    at = db.clock().astimezone(UTC)
    final = backups / f"{at:%Y-%m-%dT%H-%M-%S}Z"
    folder = final.with_name(final.name + ".part")
    if final.exists():
        raise Refused(f"{final} is there already. Wait a second and try again.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with copies.copied_out(db, folder, metadata) as session:
        proof = verify(session)
        if proof.broken:
            raise Refused(f"The record is broken ({proof.broken}). Nothing was backed up: run 'laminar doctor'.")
        counts, named = copies.counts(session, metadata), copies.photos_named(session)
    files = {p.relative_to(folder).as_posix(): copies.sha256_of(p) for p in sorted(folder.rglob("*")) if p.is_file()}
    # A photo is stored before the record that names it, so all that were named are there by now.
    missing = [name for name in named if not _keep_photo(PhotoStore(photos), backups / PHOTOS, name)]
    kept = [name for name in named if name not in missing]
    kind = "sqlite" if db.is_sqlite else "postgresql"
    manifest = copies.Manifest(at.isoformat(), kind, newest(), (proof.entries, proof.head), counts, files, kept)
    manifest.write(folder)
    folder.rename(final)
    return final, manifest, missing


def _keep_photo(store: PhotoStore, folder: Path, name: str) -> bool:
    path = folder / name[:2] / f"{name}.jpg"
    if path.exists():
        return True
    data = store.get(name)
    if data is None:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    copies.write_durably(path, data)
    return True


def restore_backup(db: Db, folder: Path, photos: Path) -> copies.Manifest:
    """Restore one backup into an empty database and an empty folder. Raises Refused; then no database was made."""
    manifest = copies.read_manifest(folder)
    if why := copies.why_not_empty(db, metadata):
        raise Refused(why)
    if photos.exists() and any(photos.rglob("*.jpg")):
        raise Refused(f"{photos} holds photos already. Give --photos with an empty folder.")
    for name, hashed in manifest.files.items():
        path = folder / name
        if not path.is_file() or copies.sha256_of(path) != hashed:
            raise Refused(f"{name} of this backup is missing or was changed. Take an older backup.")
    found = {name: _photo(folder.parent / PHOTOS, name) for name in manifest.photos}
    with copies.copied_in(db, folder, manifest, metadata) as session:
        proof = verify(session, manifest.anchor)
        if proof.broken:
            raise Refused(f"The restored record is broken: {proof.broken}. Take an older backup.")
        if (differ := _differences(copies.counts(session, metadata), manifest.counts)) is not None:
            raise Refused(f"{differ}. Take an older backup.")
        for name, path in found.items():
            place = photos / name[:2] / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            copies.write_durably(place, path.read_bytes())
    return manifest


def _photo(folder: Path, name: str) -> Path:
    path = folder / name[:2] / f"{name}.jpg"
    if not _HASH.fullmatch(name) or not path.is_file() or sha256(path.read_bytes()) != name:
        raise Refused(f"Photo {name} of this backup is missing or was changed. Bring it back beside the backup first.")
    return path


def _differences(are: dict[str, int], were: dict[str, int]) -> str | None:
    for name, count in were.items():
        if are.get(name) != count:
            return f"Table {name} has {are.get(name)} rows, the manifest says {count}"
    return None
