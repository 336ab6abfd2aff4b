"""A private PostgreSQL and a reference booking application, for trying and testing."""
