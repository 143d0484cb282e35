"""The generated pages: `make docs` writes them, a test finds stale ones."""
