"""What runs in the environments of others."""
