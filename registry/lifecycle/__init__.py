"""What is done with a candidate, in this order, and what undoes it.

evaluate    judge candidate and Production on the same rows, and keep the evidence
pending     which candidates passed and wait for approval
approval    who approves, and whether they may
append      one signed entry, inserted at the end of the ledger
promote     approved evidence into the ledger
rollback    an earlier model back in force
freeze      no promotion counts until `unfreeze`
aliases     the alias and the tags that people see in MLflow

Others use `evaluate.evaluate`, `promote.promote` and `rollback.rollback`.
"""
