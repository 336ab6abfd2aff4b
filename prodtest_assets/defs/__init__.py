"""Dagster: resources, assets, checks, jobs, schedules and sensors. `definitions.py` is their table of contents."""
