"""Monitoring: whether a model keeps what its evidence promised, from prediction records and labels.

cli          the command line
jobs         the two jobs: read, compare, log, write metrics
sources      files of records and labels, in folders and in Blob Storage
labels       the label of each transaction that counts, and what is odd about the others
join         one row for each transaction: its first record, and its label
sequential   the test whether alerts keep the promised precision, valid at every look
performance  what was promised and what came true, measured by the same code
promise      what the evidence of a ledger version promised
expected     what probabilities alone let expect, before there are labels
live         a look at a version: the whole, days, slices, and the test
document     a look as JSON, and a proposal to roll back
track        looks as runs of MLflow
counting     records counted in the bins of training
drift        whether inputs and probabilities are still those of training
exposition   what was found as metrics for Prometheus
"""
