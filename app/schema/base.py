"""What all tables share."""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s",
        "ix": "%(table_name)s_%(column_0_N_name)s",
    }
)

BaseUnits = sa.Numeric(20, 0)  # up to 2**64 - 1, one more bit than bigint has
UsdValue = sa.Numeric(36, 0)
