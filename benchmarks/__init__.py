"""Speed and memory beside the alternative, in one run: `make bench-…`."""
