"""The local stack behind `make demo`: real servers on loopback.

processes   starts a tracking server and an inference service, and stops them
traffic     sends transactions from the held-out days to the service
proof       checks the answers against the signed file, and that damaged files are not served
demo        the whole way: train, evaluate, approve, promote, serve
"""
