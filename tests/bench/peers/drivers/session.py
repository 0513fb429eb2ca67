"""What a project for Hamilton shares: a connection to DuckDB, a fingerprint of tables, a driver with a cache."""

import hashlib
import logging
from types import ModuleType

import duckdb
import pyarrow as pa
from hamilton import driver
from hamilton.caching.fingerprinting import hash_value

session = duckdb.connect()


@hash_value.register(pa.Table)
def hash_table(obj: pa.Table, *args: object, **kwargs: object) -> str:
    """Fingerprint a table by its bytes: Hamilton has no way for Arrow, and what it cannot hash it never caches."""
    digest = hashlib.sha256(obj.schema.serialize())
    for batch in obj.to_batches():
        digest.update(batch.serialize())
    return digest.hexdigest()


def cached(tables: ModuleType) -> driver.Driver:
    """Build the driver over the functions of a module, with results kept below the project."""
    logging.disable(logging.WARNING)  # A missing table of the cache is a warning each, also in the first build.
    return driver.Builder().with_modules(tables).with_cache(path=".hamilton_cache").build()
