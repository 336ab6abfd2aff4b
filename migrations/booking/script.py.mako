"""${message}"""

${imports if imports else ""}
import sqlalchemy as sa
from alembic import op

from prodtest_assets.sandbox.marker import require_sandbox

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """Apply it."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Take it back, on the sandbox's own database only."""
    require_sandbox(op.get_bind(), "the booking tables are downgraded")
    ${downgrades if downgrades else "pass"}
