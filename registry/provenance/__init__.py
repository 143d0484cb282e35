"""Where a candidate comes from: facts that its author cannot have written, or marked as claimed.

identity     `realm:name` in one spelling, so that two strings are one person or two
people       which identities belong to one person
trusted      provenance.yaml: the evaluator's repository, training keys, people and CI systems
repository   the evaluator's own clone of the code: commits, signatures, files at a commit
attestation  what the training job signs about a candidate (in-toto, SLSA Provenance)
environment  the installed packages that a training job recorded, against the lock files
web          one GET of a JSON document
github       runs, commits and approvals by GitHub's REST API
jenkins      who started and approved a build, by Jenkins' JSON API
facts        a fact: its value, and who verified it; or that it is only claimed
collect      all facts about one candidate

Others use `collect.collect`, `facts.Provenance`, `trusted.read_trusted` and `identity.identity_of`.
"""
