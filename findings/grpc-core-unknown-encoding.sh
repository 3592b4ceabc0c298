#!/usr/bin/env bash
# gRPC C core 1.51.1 and 1.85.3 (grpcio): a request in an encoding that the server does not know is never UNIMPLEMENTED.
#
# Guess: as gRPC's compression document says, the status is UNIMPLEMENTED, and `grpc-accept-encoding` names what is supported, so that
#        the client can send the request again.
# Seen:  1.51.1, which Debian 12 ships, serves the call, and hands a message whose compressed flag is set to the handler as it came.
#        1.85.3 ends it as INTERNAL ("Error parsing 'grpc-encoding' metadata") and names no encoding.
source "$(dirname "$0")/support/common.sh"

call_with_unknown_encoding() { # version of grpcio
    install_python "grpcio==$1" h2==4.4.1
    "$python" - 2>/dev/null <<'PYTHON'
import socket
import struct
from concurrent import futures

import grpc
import h2.config
import h2.connection
import h2.events


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


def call(port, flag):
    headers, trailers = [], []
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        client.initiate_connection()
        client.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":path", "/test.Echo/Echo"), (":authority", "localhost"),
                                ("content-type", "application/grpc"), ("te", "trailers"), ("grpc-encoding", "made-up")])
        client.send_data(1, struct.pack(">BI", flag, 5) + b"hello", end_stream=True)
        connection.sendall(client.data_to_send())
        while True:
            for event in client.receive_data(connection.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    headers += event.headers
                if isinstance(event, h2.events.TrailersReceived):
                    trailers += event.headers
                if isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    reply = dict(headers + trailers)
                    return f"{reply['grpc-status']} {reply.get('grpc-accept-encoding', 'no encoding')}"
            connection.sendall(client.data_to_send())


server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Echo()])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"{call(port, 0)}; flag set: {call(port, 1)}")
server.stop(0).wait()
PYTHON
}
expect "1.51.1" "$(call_with_unknown_encoding 1.51.1)" "0 identity, deflate, gzip; flag set: 0 identity, deflate, gzip"
expect "1.85.3" "$(call_with_unknown_encoding 1.85.3)" "13 no encoding; flag set: 13 no encoding"
