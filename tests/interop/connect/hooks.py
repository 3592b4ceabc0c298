"""What schemathesis must not ask: a min_revision that never comes is UNAVAILABLE after half a second, which is a 5xx by intention."""
import schemathesis


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict):
        for name in ("minRevision", "min_revision"):
            body.pop(name, None)
        if isinstance(body.get("check"), dict):
            body["check"].pop("minRevision", None)
    return body
