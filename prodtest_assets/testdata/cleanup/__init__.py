"""Plan what may go, then remove it: archived, reversible, provably only test rows."""
