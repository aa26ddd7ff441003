"""Draft the next migration from the models: `python scripts/draft_migration.py 0002 "what it does"`."""

import sys

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from app.db import migrate
from app.tables import metadata

engine = create_engine("sqlite://", poolclass=StaticPool)
if sys.argv[1] != "0001":
    migrate.upgrade(engine, metadata)
migrate.draft(engine, metadata, sys.argv[2], sys.argv[1])
