"""The booking application's tables, as they were before test data had a mark."""

import sqlalchemy as sa
from alembic import op

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.sandbox.marker import require_sandbox

revision = "0a1c0f5e2b77"
down_revision = None
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create users and appointments.

    Raises:
        ConfigurationError: they are there already, so an application owns them.
    """
    if not op.get_context().as_sql and any(
        sa.inspect(op.get_bind()).has_table(name) for name in ("users", "appointments")
    ):
        raise ConfigurationError(
            "the tables users and appointments are there, but not from this chain: the application they"
            " belong to must add appointments.is_test_data (boolean, not null, default false) by itself"
        )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), nullable=False),
        sa.Column("full_name", sa.String(120), nullable=False),
        sa.Column("mobile", sa.String(20), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("mobile", name="uq_users_mobile"),
    )
    op.create_table(
        "appointments",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("starts_at", _MOMENT, nullable=False),
        sa.Column("duration_min", sa.Integer, nullable=False, server_default=sa.text("30")),
        sa.Column("status", sa.String(32), nullable=False, server_default=sa.text("'booked'")),
        sa.Column("notes", sa.Text),
        sa.Column("cancelled_at", _MOMENT),
        sa.Column("modified_at", _MOMENT),
        sa.Column("modification_count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("google_event_id", sa.String(255)),
        sa.Column("created_at", _MOMENT, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_appointments"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_appointments_user_id", ondelete="CASCADE"),
        sa.UniqueConstraint("user_id", "starts_at", name="uq_appointments_user_id_starts_at"),
    )


def downgrade() -> None:
    """Drop both tables, on the sandbox's own database only."""
    require_sandbox(op.get_bind(), "the booking tables are downgraded")
    op.drop_table("appointments")
    op.drop_table("users")
