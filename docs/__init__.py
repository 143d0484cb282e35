"""The documentation, and in `pages/` what is generated of it."""
