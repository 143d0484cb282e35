"""Transactions of two months as training reads them, and a model of their features."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path

from registry.model.contract import Contract
from tests.inference.models import weighted_sum
from training.contract_writer import describe_inputs, write_contract
from training.data import read_data
from training.dataset import read_dataset
from training.simulate import simulate

DATASET = read_dataset("simulated")
AFTER = datetime(2026, 2, 15)


def write(path: Path) -> Path:
    simulate(customers=150, terminals=300, days=60, seed=1).write_parquet(path)
    return path


@cache
def contract_of(path: Path) -> Contract:
    """The contract that training writes, with a threshold that decides both ways."""
    data = read_data(str(path), DATASET)
    inputs = describe_inputs(data, data.frame)
    return write_contract(data, "simulated", data.frame, inputs, 0.1, "fixed")


def model_of(contract: Contract) -> bytes:
    return weighted_sum(*(0.001 / (1 + place) for place in range(len(contract.inputs))))
