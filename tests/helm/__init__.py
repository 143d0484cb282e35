"""The chart: what it renders, and what programs that know Kubernetes say about it."""
