"""Appointments say whether they are test data.

An application may have the column or its index already; what is there stays as it is.
"""

import sqlalchemy as sa
from alembic import op

from prodtest_assets.sandbox.marker import require_sandbox

revision = "bf439ec8d57f"
down_revision = "0a1c0f5e2b77"
branch_labels = None
depends_on = None

_INDEX = "ix_appointments_is_test_data"


def upgrade() -> None:
    """Add the mark, off for every row that is there, and its index."""
    mark = sa.Column("is_test_data", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("appointments", mark, if_not_exists=True)
    op.create_index(_INDEX, "appointments", ["is_test_data"], if_not_exists=True)


def downgrade() -> None:
    """Take the mark away, on the sandbox's own database only."""
    require_sandbox(op.get_bind(), "the booking tables are downgraded")
    op.drop_index(_INDEX, "appointments")
    op.drop_column("appointments", "is_test_data")
