"""compose.yaml is valid for Compose 1.29, too, by the schema in its package."""

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

SCHEMA = "compose/config/compose_spec.json"


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("compose")
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    fetched = subprocess.run([*fetch, "docker-compose==1.29.2"], capture_output=True, text=True)
    if fetched.returncode:
        missing(f"Compose 1.29 cannot be fetched: {fetched.stderr}")
    (wheel,) = folder.glob("*.whl")
    return json.loads(zipfile.ZipFile(wheel).read(SCHEMA))


def test_compose_1_29_accepts_the_file(schema: dict[str, Any]) -> None:
    jsonschema.Draft4Validator(schema).validate(yaml.safe_load((ROOT / "compose.yaml").read_text()))


def test_schema_of_compose_1_29_rejects_newer_keys(schema: dict[str, Any]) -> None:
    content = yaml.safe_load((ROOT / "compose.yaml").read_text())
    content["services"]["worker"]["healthcheck"]["start_interval"] = "1s"
    with pytest.raises(jsonschema.ValidationError, match="start_interval"):
        jsonschema.Draft4Validator(schema).validate(content)
