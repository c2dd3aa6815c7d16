"""Compose 1.29 takes compose.yaml, too: by its own rules, which its package carries."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.compose import ROOT
from tests.support.missing import missing

RULES = "compose/config/compose_spec.json"


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("compose")
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    fetched = subprocess.run([*fetch, "docker-compose==1.29.2"], capture_output=True, text=True)
    if fetched.returncode:
        missing(f"Compose 1.29 cannot be fetched: {fetched.stderr}")
    (wheel,) = folder.glob("*.whl")
    return json.loads(zipfile.ZipFile(wheel).read(RULES))


def test_compose_1_29_takes_it(rules: dict[str, Any]) -> None:
    jsonschema.Draft4Validator(rules).validate(yaml.safe_load((ROOT / "compose.yaml").read_text()))


def test_what_only_compose_2_knows_would_be_seen(rules: dict[str, Any]) -> None:
    content = yaml.safe_load((ROOT / "compose.yaml").read_text())
    content["services"]["worker"]["healthcheck"]["start_interval"] = "1s"
    with pytest.raises(jsonschema.ValidationError, match="start_interval"):
        jsonschema.Draft4Validator(rules).validate(content)
