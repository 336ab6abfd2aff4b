"""The self-test: in a scratch database on the user's own server it tries to break every promise.

A promise is a small function with a sentence (`registry.py`), grouped by subject in `promises/`. `run.py` makes the
database (`scratch.py`), keeps each promise apart from the next (`world.py`) and counts what held.
"""
