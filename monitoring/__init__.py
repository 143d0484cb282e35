"""Monitoring: whether a model keeps what its evidence promised, from prediction records and labels.

sources      files of records and labels, in folders and in Blob Storage
labels       the label of each transaction that counts, and what is odd about the others
join         one row for each transaction: its first record, and its label
sequential   the test whether alerts keep the promised precision, valid at every look
performance  what was promised and what came true, measured by the same code
promise      what the evidence of a ledger version promised
"""
