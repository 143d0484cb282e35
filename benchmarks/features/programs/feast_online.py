# Feast is installed in its own environment.
# mypy: ignore-errors
"""Feast: `fill FOLDER` writes features to its online store, `read FOLDER SECONDS` reads them.

FOLDER is its repository, with `rows.json`: the feature views by their entity, each with the names
of the features and of the entities, and what to read, one dictionary of entities per read.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.types import Float64
from feast.value_type import ValueType

WARM_UP_READS = 500


def fill(store, folder, views):
    """Define a view per entity, and write numbers at random: only reading them is measured."""
    numbers = np.random.default_rng(0)
    for kind, view in views.items():
        names, features = view["entities"], view["features"]
        columns = {name: numbers.random(len(names)) for name in features}
        frame = pd.DataFrame({kind: names, "time": datetime.now(UTC), **columns})
        path = f"{folder}/{kind}.parquet"
        frame.to_parquet(path)
        entity = Entity(name=kind, join_keys=[kind], value_type=ValueType.STRING)
        definition = FeatureView(
            name=f"of_{kind}",
            entities=[entity],
            ttl=timedelta(0),
            schema=[Field(name=name, dtype=Float64) for name in features],
            source=FileSource(path=path, timestamp_field="time"),
        )
        store.apply([entity, definition])
        store.write_to_online_store(definition.name, frame)


def read(store, features, reads, seconds):
    """Read one after another, and print how many in how many seconds, as JSON."""
    rows = cycle([one] for one in reads)
    for _ in range(WARM_UP_READS):
        store.get_online_features(features=features, entity_rows=next(rows)).to_dict()
    count, start = 0, time.perf_counter()
    while (took := time.perf_counter() - start) < seconds:
        found = store.get_online_features(features=features, entity_rows=next(rows)).to_dict()
        count += 1
    if any(value[0] is None for value in found.values()):
        sys.exit(f"error: Feast found {found}")
    print(json.dumps({"requests": count, "seconds": took}))


def main(command, folder, seconds="0"):
    store, content = FeatureStore(folder), json.loads(Path(folder, "rows.json").read_text())
    if command == "fill":
        fill(store, folder, content["views"])
    else:
        read(store, content["features"], content["reads"], float(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
