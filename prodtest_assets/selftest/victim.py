"""A cleanup in a process of its own, for the self-test to kill. Reads the database's URL from its input."""

import sys

from prodtest_assets.lifetime import die_with_parent
from prodtest_assets.selftest.world import RULES
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import authorize_writes


def main() -> None:
    """Clean up row by row, and say when it begins."""
    parent, url = (line.strip() for line in sys.stdin)
    die_with_parent(int(parent))
    with open_database(url) as database:
        permit = authorize_writes(database, RULES)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        cleanup_now(database, permit, Policy(batch_size=1))


if __name__ == "__main__":
    main()
