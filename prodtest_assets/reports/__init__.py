"""One snapshot, shown in a terminal, as JSON, as a page and as metrics. Nothing is counted or decided here."""
