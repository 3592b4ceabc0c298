#!/usr/bin/env bash
# gRPC C core (grpcio 1.85.3): a server that stops gracefully answers CANCELLED to calls that its own GOAWAY still invites.
#
# Guess: `server.stop(grace)` says GOAWAY with the last stream 2^31-1, so that calls which were on their way are served, or refused
#        with UNAVAILABLE, which retry policies cover.
# Seen:  such a call ends at once with grpc-status 1, CANCELLED, while the one before it is served to its end. Most retry policies do
#        not repeat CANCELLED, so restarts under load lose calls.
source "$(dirname "$0")/support/common.sh"
install_python grpcio==1.85.3 hpack==4.2.0 hyperframe==6.1.0

result=$("$python" - <<'PYTHON'
import socket
import threading
from concurrent import futures

import grpc
from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, SettingsFrame

entered, leave = threading.Event(), threading.Event()


class Handler(grpc.GenericRpcHandler):
    def service(self, handler_call_details):
        return grpc.unary_unary_rpc_method_handler(self.work)

    def work(self, request, context):
        entered.set()
        leave.wait(6)
        return b""


server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers((Handler(),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
wire = socket.create_connection(("127.0.0.1", port), 30)
encoder, decoder = Encoder(), Decoder()
wire.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize())


def call(stream):
    head = HeadersFrame(stream, flags=["END_HEADERS"])
    head.data = encoder.encode([(":method", "POST"), (":scheme", "http"), (":path", "/finding.Test/Work"), (":authority", "localhost"),
                                ("content-type", "application/grpc"), ("te", "trailers")])
    wire.sendall(head.serialize() + DataFrame(stream, b"\0\0\0\0\0", flags=["END_STREAM"]).serialize())


def read_exactly(size):
    data = b""
    while len(data) < size:
        got = wire.recv(size - len(data))
        assert got, "the connection ended"
        data += got
    return data


def next_frame(kind):
    while True:
        frame, size = Frame.parse_frame_header(memoryview(read_exactly(9)))
        frame.parse_body(memoryview(read_exactly(size)))
        if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
            wire.sendall(SettingsFrame(0, flags=["ACK"]).serialize())
        if isinstance(frame, kind):
            return frame


def status_of(stream):
    """Each call's last header block has its status."""
    while True:
        frame = next_frame(HeadersFrame)
        headers = dict(decoder.decode(frame.data))
        if frame.stream_id == stream and "grpc-status" in headers:
            return headers["grpc-status"]


call(1)
assert entered.wait(30)
server.stop(8)
goaway = next_frame(GoAwayFrame)
call(3)  # before the server's ping is answered: it cannot know yet that the client has read this
late = status_of(3)
leave.set()
print(f"GOAWAY with last stream {goaway.last_stream_id}; the call after it: {late}; the one before it: {status_of(1)}")
wire.close()
PYTHON
)
expect "statuses" "$result" "GOAWAY with last stream 2147483647; the call after it: 1; the one before it: 0"
