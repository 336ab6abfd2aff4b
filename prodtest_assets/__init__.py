"""Real end-to-end booking tests against a live appointment database that leave no trace."""
