"""A progress bar on stderr while rows are removed, where somebody watches."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from prodtest_assets.testdata.cleanup.removal import OnProgress, Progress


@contextmanager
def removal_progress() -> Iterator[OnProgress | None]:
    """What a cleanup reports its batches to; None where stderr is no terminal. The bar is gone at the end."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking for what may go", total=None)

        def on_progress(progress: Progress) -> None:
            bar.update(task, description=str(progress), completed=progress.removed, total=progress.planned)

        yield on_progress
