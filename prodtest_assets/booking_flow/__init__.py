"""The booking-flow suite: which tests it holds, which of them an expression selects, and its process."""
