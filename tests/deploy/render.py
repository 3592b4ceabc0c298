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
KNOWN = {"apiVersion", "kind", "namespace", "resources", "components", "images", "labels", "configMapGenerator", "patches"}
# What is opt-in, added to an overlay in a kustomization of its own.
COMPONENTS = ("deploy/kustomize/components/service-monitor", "deploy/observability", "deploy/kustomize/components/client-crl")
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


def merged(value, patch):
    """A strategic merge: lists of named things, or of mounts, by name or path; what is new comes first."""
    if isinstance(value, dict) and isinstance(patch, dict):
        return {**value, **{key: merged(value.get(key), part) for key, part in patch.items()}}
    if not isinstance(value, list):
        return patch
    key = "mountPath" if "mountPath" in patch[0] else "name"
    named = {part[key]: part for part in patch}
    known = {item[key] for item in value}
    return [part for part in patch if part[key] not in known] + [merged(item, named.get(item[key], {})) for item in value]


def patched(documents, settings, folder):
    for patch in settings.get("patches", []):
        (content,) = read(os.path.join(folder, patch["path"]))
        target = patch["target"]
        for i, document in enumerate(documents):
            if re.fullmatch(target["kind"], document["kind"]) and re.fullmatch(target.get("name", ".*"), document["metadata"]["name"]):
                documents[i] = merged(document, {"spec": content["spec"]})
    return documents


def by_hand(folder, documents=()):
    """`documents`: those that a component is added to."""
    (settings,) = read(os.path.join(folder, "kustomization.yaml"))
    assert set(settings) <= KNOWN, f"render.py does not know {set(settings) - KNOWN}"
    documents = list(documents)
    for resource in settings.get("resources", []):
        path = os.path.join(folder, resource)
        documents += by_hand(path) if os.path.isdir(path) else read(path)
    for component in settings.get("components", []):
        documents = by_hand(os.path.join(folder, component), documents)
    documents = patched(documents, settings, folder)
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
