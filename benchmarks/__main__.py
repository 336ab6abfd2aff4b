"""Measure what the project claims about its cost.

    python -m benchmarks [--quick] [NAME ...]

Without `--quick` the exit code is 1 when a bound is broken. With it the sizes are small, so that the figures say
only that the measurement works: they are printed and nothing is judged.
"""

import argparse
import sys

from rich.console import Console
from rich.table import Table

from benchmarks import caller, definitions, drain, latency, sensors, snapshot, startup
from benchmarks.result import Result

_PARTS = {
    "caller": caller,
    "definitions": definitions,
    "drain": drain,
    "latency": latency,
    "sensors": sensors,
    "snapshot": snapshot,
    "startup": startup,
}


def main() -> int:
    """Run the parts that are asked for and show each figure beside its floor."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Costs, each against a floor.")
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is judged")
    parser.add_argument("parts", nargs="*", choices=[*_PARTS, []], help="all of them by default", metavar="NAME")
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 150)
    results = []
    for name in asked.parts or _PARTS:
        console.print(f"measuring {name} ...")
        results += _PARTS[name].measure(asked.quick)
    console.print(_table(results, judged=not asked.quick))
    return 0 if asked.quick or all(result.holds for result in results) else 1


def _table(results: list[Result], *, judged: bool) -> Table:
    table = Table()
    for heading in ("what", "floor", "ours", "ratio", "bound", ""):
        table.add_column(heading, justify="left" if heading in ("what", "floor", "") else "right")
    for result in results:
        table.add_row(
            f"{result.what}\n  {result.note}" if result.note else result.what,
            f"{_figure(result.floor, result.unit)} ({result.floor_is})" if result.floor is not None else "",
            _figure(result.ours, result.unit),
            f"{result.ratio:.2f}" if result.ratio is not None else "",
            "" if result.bound is None else f"{result.bound:g}" + ("" if result.ratio else f" {result.unit}"),
            _verdict(result) if judged else "",
        )
    return table


def _figure(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if unit == "pages" else f"{value:,.3g} {unit}"


def _verdict(result: Result) -> str:
    if result.bound is None:
        return "no bound"
    return "holds" if result.holds else "BROKEN"


if __name__ == "__main__":
    sys.exit(main())
