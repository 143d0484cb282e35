"""What this repository needs on GitHub, set up by `deploy/github/setup`, and found different by it.

setup         the command: asks GitHub in order, and says what its plan does not have
environments  environments: who has to approve, and which branch may deploy
variables     variables of repository and environments, from Terraform's outputs
ruleset       branch rules of `main`, with the checks that ci.yml reports
actions       what Actions may do: token, pinned actions, pull requests from forks
gh            GitHub's API through `gh`; shows each change, and makes none in a dry run
"""
