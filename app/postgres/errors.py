"""Which errors mean that Postgres is unavailable, and what this project raises for them."""

import asyncpg

# After one of these a write may or may not have happened: the caller has to check, or repeat it safely.
POSTGRES_UNAVAILABLE: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,  # the database is being created, or its password changed
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,  # shutdown, start-up, or a connection terminated by an administrator
    asyncpg.InsufficientResourcesError,  # out of connections, disk or memory; may recover
    asyncpg.ReadOnlySQLTransactionError,  # it is no primary any more
    asyncpg.TransactionRollbackError,  # a deadlock or a conflict: nothing was written
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,  # this process was frozen meanwhile
    asyncpg.PostgresSystemError,  # an I/O error of the server
    asyncpg.InternalServerError,
    asyncpg.InvalidSQLStatementNameError,  # a connection pooler has switched the connection
    asyncpg.UndefinedTableError,  # the database was not migrated yet; `app/orders/store/revision.py` says so
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
)
UNAVAILABLE: tuple[type[Exception], ...] = (asyncpg.InternalClientError, *POSTGRES_UNAVAILABLE)
BAD_VALUE: type[Exception] = asyncpg.DataError  # Postgres, or its driver, cannot take the value: text with a NUL
# One row of a batch is at fault; the other rows are not.
BAD_ROW: tuple[type[Exception], ...] = (
    BAD_VALUE,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    TypeError,  # the row cannot be encoded as JSON
)


class DatabaseUnavailable(Exception):
    """Postgres is unavailable. A write may or may not have happened; repeat it."""


class DiskFull(DatabaseUnavailable):
    """Postgres has no disk space left. It still answers reads."""


class ReadTooSlow(DatabaseUnavailable):
    """A read took longer than READ_SECONDS."""


class RowLocked(DatabaseUnavailable):
    """Another session has locked the row of this write: nothing was written."""
