"""Stores of what entities did before: the state behind the features of the next transaction.

opening           the store that a URL names
store             the interface of all stores
outcomes          what a store says of a transaction or a label

The embedded store:
embedded          the store of one process: memory, journal and snapshots together
events            the table of recorded transactions, and the index by their ids
history           the transactions of one entity, in order of time, with running totals
memory            all of these in one process, and what is forgotten
table             the same as columns, and what the records of a journal add to them
snapshot          such a table as a file
folder            the files of an embedded store, and who may use them
journal           each change as a line, written before it is made
restore           the histories of a table, at once
compact           a process that makes a snapshot of old parts of the journal

Redis:
redis             the store of many processes, in Redis
redis_layout      its keys and records, byte by byte
redis_column      Lua: a string as records in order of time
redis_scripts     Lua: the history of an entity
redis_id_scripts  Lua: transaction ids
redis_client      commands to a server or cluster: timeouts, scripts, errors
redis_url         from a URL to a client
redis_errors      what went wrong, in words
redis_fill        filling it with many transactions
redis_stats       how much it holds
breaker           refuses requests at once while a server is away
entra             logging in to Azure Managed Redis with Microsoft Entra ID
"""
