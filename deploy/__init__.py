"""Whatever puts the system somewhere; today the local stack behind `make demo`."""
