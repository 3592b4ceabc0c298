"""Renders the overlays and the chart: by kubectl or kustomize and by helm where they are on the PATH. Without them the overlays
are put together here, as far as they use what kustomize can do; test_deploy.py compares both where both are there."""
import json
import os
import re
import shutil
import subprocess
import tempfile

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
KNOWN = {"apiVersion", "kind", "namespace", "resources", "components", "images", "labels", "configMapGenerator"}
# What is opt-in, added to an overlay in a kustomization of its own.
COMPONENTS = ("deploy/kustomize/components/service-monitor", "deploy/observability")
EXAMPLES = {"ci/single-values.yaml": "single", "ci/scaled-values.yaml": "scaled", "ci/openshift-values.yaml": "single"}


class Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, as the API server does; PyYAML takes the last one."""

    def construct_mapping(self, node, deep=False):
        names = [name.value for name, _ in node.value]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise AssertionError(f"{twice} stands twice: {node.start_mark}")
        return super().construct_mapping(node, deep)


def documents_of(text):
    return [document for document in yaml.load_all(text, Loader) if document is not None]


def read(path):
    with open(path, encoding="utf-8") as file:
        return documents_of(file)


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def kustomize_command():
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"] if shutil.which("kubectl") else None


def with_components(overlay, folder, **settings):
    """Writes a kustomization of the overlay and all components to the folder."""
    relative = lambda path: os.path.relpath(os.path.join(TOP, path), os.path.realpath(folder))
    with open(os.path.join(folder, "kustomization.yaml"), "w", encoding="utf-8") as file:
        yaml.safe_dump({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "sallyport",
                        "resources": [relative(f"deploy/kustomize/overlays/{overlay}")],
                        "components": [relative(path) for path in COMPONENTS], **settings}, file)
    return folder


def by_kustomize(folder):
    return documents_of(run(*kustomize_command(), folder))


def by_helm(*arguments, release="sallyport"):
    return documents_of(run("helm", "template", release, CHART, "--namespace", "sallyport", *arguments))


# ---- without kustomize ----

def pod_template(document):
    if document["kind"] == "Pod":
        return document
    if document["kind"] == "CronJob":
        return document["spec"]["jobTemplate"]["spec"]["template"]
    return document["spec"]["template"] if document["kind"] in ("Deployment", "StatefulSet") else None


def every_container(pod):
    return pod.get("initContainers", []) + pod["containers"]


def fill_in(document, settings):
    """What a kustomization.yaml says of all its resources."""
    document = json.loads(json.dumps(document))  # what YAML's anchors share is to be changed apart
    if document["kind"] != "Namespace" and "namespace" in settings:
        document["metadata"]["namespace"] = settings["namespace"]
    for labels in settings.get("labels", []):
        document["metadata"].setdefault("labels", {}).update(labels["pairs"])
    template = pod_template(document)
    for container in every_container(template["spec"]) if template else []:
        for image in settings.get("images", []):
            if container["image"] == image["name"]:
                version = f"@{image['digest']}" if "digest" in image else f":{image['newTag']}"
                container["image"] = image.get("newName", image["name"]) + version
    return document


def made_config_map(generator, folder):
    pairs = dict(literal.split("=", 1) for literal in generator.get("literals", []))
    for entry in generator.get("files", []):
        name, _, path = entry.rpartition("=")
        with open(os.path.join(folder, path), encoding="utf-8") as file:
            pairs[name or os.path.basename(path)] = file.read()
    metadata = {"name": generator["name"]}
    if generator.get("options", {}).get("labels"):
        metadata["labels"] = dict(generator["options"]["labels"])
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": pairs, "metadata": metadata}


def by_hand(folder):
    (settings,) = read(os.path.join(folder, "kustomization.yaml"))
    assert set(settings) <= KNOWN, f"render.py does not know {set(settings) - KNOWN}"
    documents = []
    for resource in settings.get("resources", []) + settings.get("components", []):
        path = os.path.join(folder, resource)
        documents += by_hand(path) if os.path.isdir(path) else read(path)
    documents += [made_config_map(generator, folder) for generator in settings.get("configMapGenerator", [])]
    return [fill_in(document, settings) for document in documents]


def comparable(documents):
    """One text for each resource, without the suffix that kustomize hashes from a ConfigMap's content."""
    names = [d["metadata"]["name"] for d in documents if d["kind"] == "ConfigMap"]
    bare = lambda name: re.sub(r"-[a-z0-9]{10}$", "", name)
    texts = {}
    for document in documents:
        text = json.dumps(document, sort_keys=True, indent=1)
        for name in names:
            text = text.replace(f'"{name}"', f'"{bare(name)}"')
        name = document["metadata"]["name"]
        texts[f"{document['kind']}/{bare(name) if name in names else name}"] = text
    return texts


def rendered():
    """(what it is, single or scaled, its documents)"""
    for overlay in OVERLAYS:
        with tempfile.TemporaryDirectory() as folder:
            with_components(overlay, folder)
            yield f"kustomize/{overlay}", overlay, by_kustomize(folder) if kustomize_command() else by_hand(folder)
    if shutil.which("helm"):
        for mode in OVERLAYS:
            yield f"helm/{mode}", mode, by_helm(*HELM_ARGUMENTS[mode])
        for example, mode in EXAMPLES.items():
            yield f"helm/{example}", mode, by_helm("--values", os.path.join(CHART, example))
