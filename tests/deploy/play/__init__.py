"""The rendered chart, played by podman: what stands in for a cluster."""
