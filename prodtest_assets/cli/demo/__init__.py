"""`prodtest demo`: the whole pipeline on a private PostgreSQL and a reference application."""
