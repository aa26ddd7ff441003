"""What can go wrong between the product and its database, for edges that never speak to the database themselves."""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

DatabaseFault = DBAPIError
"""Anything that the database or its driver refused or could not do; the act was undone as a whole."""

DATABASE_AWAY = (DBAPIError, NoConnection)
"""What a database that is away, full or overrun raises; for whatever has to outlive it."""


def words_of(error: DBAPIError) -> str:
    """The database's own words for the log, without the statement and its values: they may name a patient."""
    return str(error.orig).split("\n", 1)[0][:200]


def is_full(error: DBAPIError) -> bool:
    """Tell whether the disk is full."""
    words = str(error.orig).casefold()
    return "full" in words or "no space left" in words
