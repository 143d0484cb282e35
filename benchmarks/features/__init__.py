"""What a feature store costs: `make bench-features`.

streams     transactions, and the windows of the Handbook's 15 features
redis       a store in a Redis server on loopback
memory      the embedded store
service     transactions as they are, by inputs that the client computed
open_loop   requests over HTTP at fixed times
pods        real services with both stores, as processes
throughput  requests per second of those, in turn
latency     the percentiles of those at 500 requests a second
feast       Feast's reads of features, against those services
programs/   what runs in the environment of Feast
__main__    the command line

A row is that of `benchmarks.growth`. To add one, add a `Row` to the `ROWS` of a module here; to add
a module, name it in `__main__`.
"""
