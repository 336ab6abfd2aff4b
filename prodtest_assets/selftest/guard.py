"""Waits for the self-test to say that it is done; if it is killed instead, drops its database.

Reads the URL of the server, the name of the database, and then `done`. The URL comes through the pipe since a command
line can be read by everybody.
"""

import sys
from contextlib import suppress

from prodtest_assets.errors import ProdtestError
from prodtest_assets.selftest.scratch import drop
from prodtest_assets.testdata.connection import open_database


def main() -> None:
    """Wait for the end of the pipe."""
    url, name, *said = (line.rstrip("\n") for line in sys.stdin)
    if "done" in said:
        return
    # Where the server does not answer, the next self-test on it removes what is left.
    with suppress(ProdtestError), open_database(url) as server:
        drop(server, name)


if __name__ == "__main__":
    main()
