"""What test data is, how much there is, and what may go."""
