"""How each test of a run ended

Revision ID: c1f07a5b3e94
Revises: 9a3d6f0e2c71
"""

from alembic import op

revision = "c1f07a5b3e94"
down_revision = "9a3d6f0e2c71"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of runs that are over already, no test is known by name."""
    op.execute("""
        ALTER TABLE prodtest.test_run
        ADD COLUMN tests jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(tests) = 'array')
    """)


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE prodtest.test_run DROP COLUMN tests")
