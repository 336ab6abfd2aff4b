"""What the project claims about its cost, measured as ratios against a floor in the same run."""
