"""What reaches production and why: contract, scorer, ledger, gates and promotion."""
