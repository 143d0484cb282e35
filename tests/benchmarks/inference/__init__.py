"""Tests of the benchmark of the service."""
