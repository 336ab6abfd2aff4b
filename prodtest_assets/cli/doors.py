"""The tools under their documented paths: each offers some of the commands of `prodtest`, and nothing of its own."""

from collections.abc import Mapping
from types import MappingProxyType

from prodtest_assets.cli.entry import COMMANDS, LazyGroup


def _door(name: str, summary: str, *commands: str) -> LazyGroup:
    return LazyGroup({command: COMMANDS[command] for command in commands}, name=name, help=summary)


DOORS: Mapping[str, LazyGroup] = MappingProxyType(
    {
        door.name or "": door
        for door in (
            _door(
                "cleanup.py",
                "Count, list, remove and verify test data. The same commands as those of prodtest.",
                *("count", "list", "cleanup", "verify", "summary"),
            ),
            _door(
                "monitor_test_data.py",
                "Watch how much test data there is. The same commands as those of prodtest.",
                *("dashboard", "snapshot", "export", "watch"),
            ),
        )
    }
)
