"""What runs the product: `local/` is all of it on one machine."""
