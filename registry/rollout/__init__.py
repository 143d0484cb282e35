"""A rollout: how the pods take the model in force, and whether they do worse with it than before.

pods       which pods there are: by their addresses, or behind the name of a headless Service
answers    one pod asked: what it serves, and what it has counted
counts     what a pod has counted, read from its /metrics
recording  what the pods had counted some time before, in a file
pod        one pod from round to round: what it served, and its counts before and since
judge      bounds on errors, latency and decisions, each with its statistics
rollout    all pods from round to round: done, not yet, or failed and why
rounds     the rounds: reads the ledger, asks the pods, until the rollout is done or has failed

Only `pods`, `answers` and `rounds` reach the network. Others use `rounds.follow_rollout`.
"""
