"""Has foreign software judge the OpenAPI description of a port: validate.py URL LEAST, which must have so many methods."""
import json
import sys
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator

url, least = sys.argv[1], int(sys.argv[2])
with urllib.request.urlopen(url + "/openapi.json") as reply:
    document = json.load(reply)
errors = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
assert not errors, "\n".join(errors)
assert len(document["paths"]) >= least, f"only {len(document['paths'])} methods"
print(f"{url}/openapi.json: {len(document['paths'])} methods, valid")
