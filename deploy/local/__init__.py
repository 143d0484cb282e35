"""The local stack behind `make demo`: a real tracking server and inference service on loopback.

processes     starts the servers as child processes, and stops them
restartable   a server that can be stopped, killed, and started again
redis_server  starts Redis, alone or as a cluster
postgres      starts PostgreSQL
azure         Azurite and a token endpoint behind the host names of Azure
azure_proxy   leads those names to this machine
entra         the token endpoint
team          `make team`: all parts that a team has, with users and rights
stack         what the demo runs on: the embedded default, or a team's set-up
traffic       sends transactions of the held-out days to the service
proof         checks the answers against the signed file, and that damaged files are not served
demo          the whole workflow: train, evaluate, approve, promote, serve
"""
