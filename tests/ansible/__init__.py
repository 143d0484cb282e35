"""Tests of the playbooks in deploy/ansible."""
