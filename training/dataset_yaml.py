"""The YAML of a data-set file: which words are booleans, and what a misspelled key may mean."""

from __future__ import annotations

import difflib
import re
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from registry.errors import FieldError


class _Loader(yaml.SafeLoader):
    """As in YAML 1.2, only `true` and `false` are booleans.

    `Yes`, `No` and `on` are text: they are values of labels (`positive: Yes`) and names of columns.
    """


_BOOLEAN = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOLEAN]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _BOOLEAN, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def load(text: str) -> Any:
    """The document, made of plain values only. Raises YAMLError, or ValueError for a wrong date."""
    return yaml.load(text, _Loader)  # noqa: S506  a SafeLoader


def unknown_key(error: ValidationError, model: type[BaseModel]) -> FieldError | None:
    """The first unknown key, and which key it may mean: it may be why another one is missing."""
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        if detail["type"] == "extra_forbidden":
            *parents, key = detail["loc"]
            keys = list(_model_at(model, parents).model_fields)
            similar = difflib.get_close_matches(str(key), keys, n=1)
            hint = f"did you mean `{similar[0]}`?" if similar else f"the keys are {', '.join(keys)}"
            return FieldError(detail["loc"], f"unknown key; {hint}")
    return None


def _model_at(model: type[BaseModel], location: list[int | str]) -> type[BaseModel]:
    for name in location[:1]:
        annotation = model.model_fields[str(name)].annotation
        for candidate in (annotation, *get_args(annotation)):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                return candidate
    return model
