"""Stores of what entities did before: the state behind the features of the next transaction.

opening    opens a store by its URL
store      the interface of all stores
opening    the store that a URL names
outcomes   what a store says of a transaction or a label
events     the table of recorded transactions, and the index by their ids
history    the transactions of one entity, in order of time, with running totals
memory     all of these in one process, and what is forgotten
table      the same as columns, and what the records of a journal add to them
snapshot   such a table as a file
folder     the files of an embedded store, and who may use them
journal    each change as a line, written before it is made
restore    the histories of a table, at once
compact    a process that makes a snapshot of old parts of the journal
embedded   the store of one process: memory, journal and snapshots together
"""
