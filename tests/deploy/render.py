"""Renders the overlays and the chart: by kubectl or kustomize and by helm where they are on the PATH. Without them the overlays
are put together here, as far as they use what kustomize can do; test_deploy.py compares both where both are there."""
import json
import os
import re
import shutil
import subprocess

import yaml

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KUSTOMIZE = os.path.join(TOP, "deploy/kustomize")
CHART = os.path.join(TOP, "deploy/helm/sallyport")
OVERLAYS = ("single", "scaled")
HELM_ARGUMENTS = {
    "single": ["--set", "serviceMonitor.enabled=true"],
    "scaled": ["--set", "mode=scaled,serviceMonitor.enabled=true", "--set-string",
               "etcd.source=etcd://e1:2379\\,e2:2379/sallyport/v1/"],
}
KNOWN = {"apiVersion", "kind", "namespace", "resources", "images", "labels", "configMapGenerator"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return [document for document in yaml.safe_load_all(file) if document is not None]


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def kustomize_command():
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"] if shutil.which("kubectl") else None


def by_kustomize(overlay):
    return list(yaml.safe_load_all(run(*kustomize_command(), os.path.join(KUSTOMIZE, "overlays", overlay))))


def by_helm(mode, *more):
    return list(filter(None, yaml.safe_load_all(
        run("helm", "template", "sallyport", CHART, "--namespace", "sallyport", *HELM_ARGUMENTS[mode], *more))))


# ---- without kustomize ----

def pod_template(document):
    return document["spec"]["template"] if document["kind"] in ("Deployment", "StatefulSet") else None


def every_container(pod):
    return pod.get("initContainers", []) + pod["containers"]


def fill_in(document, settings):
    """What a kustomization.yaml says of all its resources."""
    document = json.loads(json.dumps(document))  # what YAML's anchors share is to be changed apart
    if document["kind"] != "Namespace":
        document["metadata"]["namespace"] = settings["namespace"]
    for labels in settings.get("labels", []):
        document["metadata"].setdefault("labels", {}).update(labels["pairs"])
    template = pod_template(document)
    for container in every_container(template["spec"]) if template else []:
        for image in settings.get("images", []):
            if container["image"] == image["name"]:
                container["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"
    return document


def by_hand(folder):
    (settings,) = read(os.path.join(folder, "kustomization.yaml"))
    assert set(settings) <= KNOWN, f"render.py does not know {set(settings) - KNOWN}"
    documents = []
    for resource in settings["resources"]:
        path = os.path.join(folder, resource)
        documents += by_hand(path) if os.path.isdir(path) else read(path)
    for generator in settings.get("configMapGenerator", []):
        pairs = dict(literal.split("=", 1) for literal in generator["literals"])
        documents.append({"apiVersion": "v1", "kind": "ConfigMap", "data": pairs, "metadata": {"name": generator["name"]}})
    return [fill_in(document, settings) for document in documents]


def overlay_by_hand(overlay):
    return by_hand(os.path.join(KUSTOMIZE, "overlays", overlay))


def comparable(documents):
    """One text for each resource, without the suffix that kustomize hashes from a ConfigMap's content."""
    names = [d["metadata"]["name"] for d in documents if d["kind"] == "ConfigMap"]
    texts = {}
    for document in documents:
        text = json.dumps(document, sort_keys=True, indent=1)
        for name in names:
            text = text.replace(f'"{name}"', '"%s"' % re.sub(r"-[a-z0-9]{10}$", "", name))
        texts[f"{document['kind']}/{document['metadata']['name']}"
              if document["kind"] != "ConfigMap" else "ConfigMap"] = text
    return texts


def rendered():
    """(what it is, single or scaled, its documents)"""
    for overlay in OVERLAYS:
        yield f"kustomize/{overlay}", overlay, by_kustomize(overlay) if kustomize_command() else overlay_by_hand(overlay)
    if shutil.which("helm"):
        for overlay in OVERLAYS:
            yield f"helm/{overlay}", overlay, by_helm(overlay)
