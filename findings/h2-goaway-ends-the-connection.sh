#!/usr/bin/env bash
# h2 4.4.1 (Python): GOAWAY ends the connection for the library, although streams in progress go on.
#
# Guess: after GOAWAY with NO_ERROR a client opens no more streams, and reads the rest of those that it has, as RFC 9113, 6.8, says.
# Seen:  the next frame of such a stream raises ProtocolError. A server that shuts down gracefully, as every gRPC server does, thereby
#        fails the calls that it means to finish.
source "$(dirname "$0")/support/common.sh"
install_python h2==4.4.1

result=$("$python" - <<'PYTHON'
import h2.config
import h2.connection
import h2.exceptions
from hyperframe.frame import GoAwayFrame

client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
client.initiate_connection()
server.initiate_connection()
client.send_headers(1, [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "localhost")], end_stream=True)
server.receive_data(client.data_to_send())
client.receive_data(server.data_to_send())
# The graceful kind: no stream is refused yet. Then the response that was under way.
client.receive_data(GoAwayFrame(0, last_stream_id=2**31 - 1, error_code=0).serialize())
server.send_headers(1, [(":status", "200")])
server.send_data(1, b"the rest", end_stream=True)
try:
    client.receive_data(server.data_to_send())
    print("read")
except h2.exceptions.ProtocolError as error:
    print(type(error).__name__)
PYTHON
)
expect "a response after GOAWAY" "$result" "ProtocolError"
