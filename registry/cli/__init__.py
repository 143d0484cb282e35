"""`python -m registry`: one module for each kind of command.

main      the program: exit codes, and the commands that only read
write     init, stage, evaluate, repair
prune     prune
sign      plan, promote, rollback, freeze, unfreeze
watch     watch, which can append a rollback
compare   compare
keys      the trusted keys in ledger.yaml
options   the options that several commands share, with their environment variables
session   those options as a value: client, trust, ledger and signer, opened on first use
stop      ending a command in order when a signal arrives
rollout_output  a rollout: a table that moves on a terminal, lines elsewhere
output    tables for people, JSON and CSV for programs
"""
