"""The service in this process, to compare with."""

from tests.inference.conftest import caller, default_retries, make_caller

__all__ = ["caller", "default_retries", "make_caller"]
