"""`make bench-inference`: the service, other model servers and minimal functions, in one run.

environments   a virtual environment per server, with pinned versions
production     the model that all of them serve, promoted in a real ledger, and the rows to send
servers        what a server is: the service itself, and two that answer a constant
peers          MLflow, MLServer and BentoML, set up as their documentation advises
load           the load generators, wrk and k6
measure        one round: start a server on its own core, check its answers, put load on it
report         medians, targets and tables
errors         the one exception of this benchmark
records        `make bench-records`: what records of predictions cost, by where they go
hostile        `make bench-hostile`: honest latency and memory under hostile clients
hostile_load   the load of hostile clients, in a process of its own
programs/      what the servers and load generators run
"""
