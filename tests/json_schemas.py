#!/usr/bin/env python3
"""Compares docs/policy.schema.json and docs/policy-tests.schema.json with `sallyport test` of a build folder.

Each file below, and each that docs/policy.md shows, is given to both: to the JSON schema, as an editor reads YAML, and to
the command. Prints each file on which the two differ, or that is not what is said here."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
SALLYPORT = pathlib.Path(sys.argv[1]).resolve() / "sallyport"
PEOPLE = "users: {ann: {}, ben: {}}\nservice_accounts: {bot: {}}\n"
TEST = "tests: {t: {who: ann, action: read, resource: voice/1, expect: DENIED}}\n"

GOOD_POLICIES = [
    "users: {}\nservice_accounts: {ann: {}}\n",
    "workspace: acme\nusers: {ann: {name: Ann, role: admin, disabled: false}}\n",
    PEOPLE + "groups: {editors: {name: Editors, members: [ann, bot]}}\n",
    PEOPLE + "resources: {voice/1: {creator: ann}, voice/2: {}}\n",
    PEOPLE + "groups: {g: {}}\nshares: {voice/1: {groups: {g: editor}, principals: {ben: viewer}}}\nresources: {voice/1: {}}\n",
    "users: {ann: {}, 'auth0|5f7c': {}, 'spiffe://example.org/billing': {}}\n",
]
BAD_POLICIES = [
    "user: {}\n",
    "users: []\n",
    "users: {ann: {rol: admin}}\n",
    "users: {ann: {role: owner}}\n",
    "users: {ann: {disabled: perhaps}}\n",
    "users: {ann: {name: ''}}\n",
    "users: {'a b': {}}\n",
    "service_accounts: {bot: {role: admin}}\n",
    PEOPLE + "groups: {editors: {members: ann}}\n",
    PEOPLE + "shares: {voice: {principals: {ann: viewer}}}\n",
    PEOPLE + "resources: {voice/1: {}}\nshares: {voice/1: {principals: {ann: reader}}}\n",
    PEOPLE + "resources: {voice/1: {}}\nshares: {voice/1: {users: {ann: viewer}}}\n",
    "keys: {}\n",
]
GOOD_TESTS = [
    TEST,
    "policy: [policy.yaml]\n" + TEST,
    "tests: {t: {who: [ann, ben], ip: 203.0.113.7, action: [read, use], resource: [voice/1, voice/2], expect: DENIED}}\n",
    "tests: {t: {action: read, resource: voice/1, expect: {ann: DENIED, ben: NOT_SHARED}}}\n",
    "tests: {t: {action: read, expect: {ann: {voice/1: DENIED}}}}\n",
    "tests: {t: {who: ann, request: GET /v1/voices/1, expect: DENIED}}\n",
    "keys: {k: {principal: bot, permissions: [voices_read], allowed_ips: [203.0.113.0/24], expires: 2030-01-01T00:00:00Z,\n"
    "    disabled: true}}\ntests: {t: {key: k, at: '2029-12-31T00:00:00Z', action: read, resource: voice/1, expect: KEY_DISABLED}}\n",
]
BAD_TESTS = [
    "{}\n",
    "tests: {}\n",
    "tests: []\n",
    "test: {}\n",
    "tests: {t: {who: ann, action: read, resource: voice/1}}\n",
    "tests: {t: {who: ann, action: read, resource: voice/1, expect: MAYBE}}\n",
    "tests: {t: {action: read, resource: voice/1, expect: ALLOWED}}\n",
    "tests: {t: {who: ann, action: read, resource: voice/1, expect: {ben: ALLOWED}}}\n",
    "tests: {t: {who: ann, resource: voice/1, expect: ALLOWED}}\n",
    "tests: {t: {who: ann, request: GET /, action: read, expect: ALLOWED}}\n",
    "tests: {t: {who: ann, at: noon, action: read, resource: voice/1, expect: ALLOWED}}\n",
    "tests: {t: {whom: ann, action: read, resource: voice/1, expect: ALLOWED}}\n",
    "keys: {k: {permissions: [a]}}\n" + TEST,
    "keys: {k: {principal: bot, disabled: perhaps}}\n" + TEST,
    "keys: {k: {principal: bot, expires: tomorrow}}\n" + TEST,
]

complaints = []


def complain(text):
    complaints.append(text)
    print(text)


class EditorLoader(yaml.SafeLoader):
    """YAML 1.2's core schema has no times: an editor's JSON schema sees text."""


EditorLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def validator(name):
    schema = json.loads((ROOT / "docs" / name).read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def command_takes(policy, tests):
    """Whether `sallyport test` reads the files, whatever the answers are."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "policy.yaml").write_text(policy)
        (pathlib.Path(folder) / "tests.yaml").write_text(tests)
        done = subprocess.run([SALLYPORT, "test", pathlib.Path(folder) / "tests.yaml"], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1, 2):
            complain(f"sallyport test ended with {done.returncode}: {done.stderr}")
        return done.returncode != 2, done.stderr.strip()


def compare(schema, text, wanted, command):
    taken, words = command
    valid = schema.is_valid(yaml.load(text, EditorLoader))
    if valid != wanted:
        complain(f"the JSON schema {'refuses' if wanted else 'takes'}: {text}")
    if taken != wanted:
        complain(f"sallyport {'refuses' if wanted else 'takes'}: {text}{words}")


def pages_files():
    page = (ROOT / "docs" / "policy.md").read_text()
    return re.findall(r"<!-- file: (\S+) -->\n```yaml\n(.*?)```", page, re.S)


def main():
    policies, tests = validator("policy.schema.json"), validator("policy-tests.schema.json")
    for wanted, texts in ((True, GOOD_POLICIES), (False, BAD_POLICIES)):
        for text in texts:
            compare(policies, text, wanted, command_takes(text, "policy: policy.yaml\n" + TEST if wanted else TEST))
    for wanted, texts in ((True, GOOD_TESTS), (False, BAD_TESTS)):
        for text in texts:
            compare(tests, text, wanted, command_takes(PEOPLE + "resources: {voice/1: {}, voice/2: {}}\n", text))
    shown = pages_files()
    for name, text in shown:
        if not (tests if name.endswith("tests.yaml") else policies).is_valid(yaml.load(text, EditorLoader)):
            complain(f"docs/policy.md: {name} is not valid by its JSON schema")
    if len(shown) < 3:
        complain("docs/policy.md: its files were not found")
    proto = (ROOT / "proto" / "sallyport" / "v1" / "authorization.proto").read_text()
    reasons = re.findall(r"^  (\w+) = [1-9]\d*;", proto.split("enum Reason {")[1].split("\n}")[0], re.M)
    if sorted(tests.schema["definitions"]["outcome"]["enum"]) != sorted(reasons + ["DENIED"]):
        complain("docs/policy-tests.schema.json: `outcome` must list DENIED and the reasons of the API")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
