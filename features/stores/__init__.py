"""Stores of what entities did before: the state behind the features of the next transaction.

opening    opens a store by its URL
store      the interface of all stores
outcomes   what a store says of a transaction or a label
events     the table of recorded transactions, and the index by their ids
history    the transactions of one entity, in order of time, with running totals
memory     the embedded store of one process
"""
