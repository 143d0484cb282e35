"""Monitoring: how often it alarms without a cause, how soon with one, and what its join costs.

`python -m benchmarks.monitoring`, or `make bench-monitoring`.

__main__  the command line and the tables
worlds    simulated quarters: rows by bin of an input, and alerts by day
alarms    whether and when drift, precision and a daily test alarm in a world
peers     Evidently and NannyML on the same quarters, each in an environment of its own
programs/  what runs in these environments
volume    the join of many records: seconds and memory, in a process of its own
"""
