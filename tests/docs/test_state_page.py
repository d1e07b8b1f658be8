"""The pod and the units that docs/state.md has to copy fit what they are for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.cluster_fixture import ApiServer
from tests.docs.pages import ROOT, page

STATEFUL: Final = ROOT / "deploy" / "kubernetes" / "base" / "statefulset.yaml"
NAMESPACE: Final = "gitopsd"


def restore_pod() -> dict[str, Any]:
    found = [block.content for block in page("docs/state.md").blocks if block.info == "yaml"]
    (pod,) = (each for each in map(yaml.safe_load, found) if each.get("kind") == "Pod")
    assert isinstance(pod, dict)
    return pod


def test_the_pod_that_restores_has_the_user_the_volume_and_the_folder_of_the_daemon() -> None:
    spec, stateful = restore_pod()["spec"], yaml.safe_load(STATEFUL.read_text(encoding="utf-8"))
    daemon = stateful["spec"]["template"]["spec"]
    (claim,) = (each["metadata"]["name"] for each in stateful["spec"]["volumeClaimTemplates"])
    (mount,) = (each for each in daemon["containers"][0]["volumeMounts"] if each["name"] == claim)
    configuration = yaml.safe_load((STATEFUL.parent / "gitopsd.yaml").read_text(encoding="utf-8"))
    (container,) = spec["containers"]

    assert spec["securityContext"] == daemon["securityContext"]
    assert spec["serviceAccountName"] == daemon["serviceAccountName"]
    assert mount in container["volumeMounts"]
    assert {"name": claim, "persistentVolumeClaim": {"claimName": f"{claim}-gitopsd-0"}} in spec["volumes"]
    assert container["args"][container["args"].index("--state-dir") + 1] == configuration["state"]["dir"]
    # What ends the backup on standard input.
    assert (container["stdin"], container["stdinOnce"]) == (True, True)


def test_the_pod_that_restores_is_accepted_in_a_restricted_namespace(api_server: ApiServer) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api_server.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    api_server.do("PATCH", f"/api/v1/namespaces/{NAMESPACE}", {"metadata": {"labels": labels}})
    api_server.request("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": "gitopsd"}})

    path = f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All&fieldValidation=Strict"
    status, answer = api_server.request("POST", path, restore_pod())

    assert status == 201, answer.get("message")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_the_units_that_back_up_are_what_systemd_reads(tmp_path: Path) -> None:
    units = []
    for block in page("docs/state.md").blocks:
        name = block.content.partition("\n")[0].removeprefix("# ")
        if block.info == "ini" and name.startswith("gitopsd-backup."):
            units.append(tmp_path / name)
            units[-1].write_text(block.content, encoding="utf-8")
    assert {each.suffix for each in units} == {".service", ".timer"}
    command = ["systemd-analyze", "verify", "--man=no", *map(str, units)]
    verified = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
