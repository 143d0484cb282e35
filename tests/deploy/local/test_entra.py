"""Tokens say for whom, by whom and until when they are."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode

from deploy.local.entra import access_token


def test_a_token_has_the_claims_that_a_storage_account_checks() -> None:
    payload = access_token("https://storage.azure.com/.default", 1_000_000, 600).split(".")[1]

    assert json.loads(urlsafe_b64decode(payload + "==")) == {
        "aud": "https://storage.azure.com",
        "iss": "https://sts.windows.net/11111111-2222-3333-4444-555555555555/",
        "nbf": 999_940,
        "iat": 999_940,
        "exp": 1_000_600,
        "tid": "11111111-2222-3333-4444-555555555555",
        "oid": "66666666-7777-8888-9999-000000000000",
    }
