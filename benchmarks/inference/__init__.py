"""`make bench-inference`: our service beside bare functions and its peers, in one run."""
