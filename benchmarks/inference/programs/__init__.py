"""What the measured servers and the load generators run, each in its own environment."""
