"""`prodtest dev`: Dagster over a booking application, and the processes that it consists of."""
