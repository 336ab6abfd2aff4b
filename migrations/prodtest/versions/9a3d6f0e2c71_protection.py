"""Who the protected roles are, and the floors that hold for them

Revision ID: 9a3d6f0e2c71
Revises: 6b4e9d27c8f1
"""

from alembic import op

from prodtest_assets.errors import RefusedForSafety

revision = "9a3d6f0e2c71"
down_revision = "6b4e9d27c8f1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table that `prodtest protect` fills; without a row in it nothing is protected."""
    op.execute("""
        CREATE TABLE prodtest.protection (
            only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
            login_role name NOT NULL,
            owner_role name NOT NULL,
            former_owner name NOT NULL,
            retention_floor interval NOT NULL CHECK (retention_floor >= '0'),
            archive_floor interval NOT NULL CHECK (archive_floor >= '0'),
            protected_at timestamptz NOT NULL DEFAULT clock_timestamp()
        )
    """)


def downgrade() -> None:
    """Drop the table.

    Raises:
        RefusedForSafety: the database is protected, and the roles would be left with their rights.
    """
    if op.get_bind().exec_driver_sql("SELECT 1 FROM prodtest.protection").scalar():
        raise RefusedForSafety("the database is protected: run `prodtest protect --remove` first")
    op.execute("DROP TABLE prodtest.protection")
