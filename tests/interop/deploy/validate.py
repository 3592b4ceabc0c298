"""Usage: validate.py VERSION... Validates every rendered document against the strict schemas of those versions of Kubernetes."""
import copy
import sys

import kubernetes_validate

from render import every_container, pod_template, rendered

# Not Kubernetes' own; tests/deploy checks their content.
FOREIGN = {"monitoring.coreos.com/v1", "cert-manager.io/v1"}


def validate(document, version):
    kubernetes_validate.validate(document, version, strict=True)


def must_be_refused(document, version):
    """A validator that lets everything pass is none."""
    try:
        validate(document, version)
    except kubernetes_validate.ValidationError:
        return
    raise SystemExit(f"{version}: a wrong document passes")


def main(versions):
    count = 0
    for what, _, documents in rendered():
        for document in documents:
            if document["apiVersion"] in FOREIGN:
                continue
            for version in versions:
                try:
                    validate(document, version)
                except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                    raise SystemExit(f"{what}: {document['kind']}/{document['metadata']['name']}: {version}: {error}") from error
                count += 1
            if pod_template(document):
                for key, value in (("securityContexts", {}), ("image", 7)):
                    wrong = copy.deepcopy(document)
                    every_container(pod_template(wrong)["spec"])[0][key] = value
                    must_be_refused(wrong, versions[-1])
    assert count > 100, count
    print(f"{count} documents are valid for Kubernetes {', '.join(versions)}")


main(sys.argv[1:])
