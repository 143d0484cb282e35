"""The service that pulls the ledger's head, verifies it, and answers with it."""
