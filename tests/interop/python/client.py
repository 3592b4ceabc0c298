"""Makes a workspace and asks about its admin's key. Usage: client.py SERVER_ADDRESS ADMIN_ADDRESS OPERATOR_KEY_FILE SERVICE_CONFIG"""
import sys

import grpc
from sallyport.v1 import admin_pb2, admin_pb2_grpc, authorization_pb2, authorization_pb2_grpc, entities_pb2

server_address, admin_address, key_file, service_config = sys.argv[1:5]
with open(key_file, encoding="ascii") as file:
    operator_key = file.readline().strip()

options = [("grpc.service_config", service_config), ("grpc.keepalive_time_ms", 10000)]
admin = admin_pb2_grpc.AdminStub(grpc.insecure_channel(admin_address, options))
authorization = authorization_pb2_grpc.AuthorizationStub(grpc.insecure_channel(server_address, options))

made = admin.CreateWorkspace(
    admin_pb2.CreateWorkspaceRequest(id="py", name="Python", seats=3),
    metadata=[("authorization", f"Bearer {operator_key}")],
    timeout=30,
)


def check(key: str, **more) -> authorization_pb2.CheckResponse:
    """Deny on anything but an answer that says ALLOW: an error is not an answer."""
    return authorization.Check(
        authorization_pb2.CheckRequest(
            api_key=key,
            ip="203.0.113.7",
            resource=entities_pb2.ResourceRef(type="voice"),
            action="create",
            min_revision=made.revision,  # reads what was just written, on any server
            **more,
        )  # within the timeout of the service config
    )


answer = check(made.secret)
print(authorization_pb2.Decision.Name(answer.decision), authorization_pb2.Reason.Name(answer.reason), answer.principal)
assert answer.decision == authorization_pb2.ALLOW, answer
assert check("sp_nothing").reason == authorization_pb2.KEY_MALFORMED
assert check(made.secret, workspace="other").reason == authorization_pb2.WORKSPACE_MISMATCH
try:
    check("x" * 600)
    raise AssertionError("a key of 600 bytes was judged")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
