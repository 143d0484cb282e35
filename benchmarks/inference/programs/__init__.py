"""Programs of the measured servers and the load generators, each for its own environment."""
