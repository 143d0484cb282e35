"""A candidate's way into Production, in this order, and back out of it.

plan        sign what a candidate will be judged on, before it is judged
earlier     which candidates the same rows have judged before
past        what was planned and judged before an evaluation
origin      where a candidate comes from: its run's files and tags, and what verifies them
trial       fetch a candidate, check its files before it is run, score it beside Production
upload      a folder of evidence as a run of the evidence experiment
evaluate    score candidate and Production on the same rows, run the gates, upload the evidence
pending     which candidates passed and wait for approval
approval    who approves, by the system where they did
four_eyes   whether the approver has another part in the promotion
promote     check approved evidence again and sign its entry
rollback    sign an entry that puts an earlier model back in force
freeze      sign an entry that voids promotions until `unfreeze`
notes       what MLflow's UI says of an entry, for people
append      insert one signed entry at the end of the ledger; all that sign use it
aliases     the alias and the tags that people see in MLflow
recovery    a ledger that stands while its configuration is lost
needed      what the ledger, people and other models still need of old candidates
prune       delete old candidates that nothing needs
verified    what `verify` has verified, remembered in a file
immutable   whether the containers of the ledger's files have a policy of immutability
verify      check every entry's files and evidence, and alias and tags

Others use `evaluate.evaluate`, `promote.promote` and `rollback.rollback`.
"""
