#!/usr/bin/env bash
# nghttp2 1.52.0: a server ends the whole connection because of one header of more than 64 KiB, whatever it allows.
#
# Guess: headers that are too large fail alone: their stream is refused, and others of the connection go on, as when the sum of a request's
#        headers is more than the program wants (here nghttpd, 64 KiB).
# Seen:  a single value beyond 65,536 bytes on the wire is an error of decompression (COMPRESSION_ERROR), so that all streams of the connection end. No
#        option moves that bound, and no callback is asked.
source "$(dirname "$0")/support/common.sh"
unpack_debian nghttp2-server=1.52.0-1+deb12u3 libnghttp2-14=1.52.0-1+deb12u3 libev4=1:4.33-1 libjemalloc2=5.3.0-1
libraries=$(dirname "$(find "$work/debian" -name 'libnghttp2.so.14' | head -1)")
install_python h2==4.3.0
mkdir "$work/pages"
LD_LIBRARY_PATH=$libraries "$work/debian/usr/sbin/nghttpd" --no-tls --address 127.0.0.1 --htdocs "$work/pages" 24434 >"$work/server.log" 2>&1 &
server=$!
trap 'kill "$server"; wait "$server" || true; rm -rf "$work"' EXIT
cat >"$work/ask.py" <<'PYTHON'
"""Sends a request with headers of these sizes; prints the status, or the error code of the GOAWAY."""
import socket, sys, time
import h2.connection, h2.events
for _ in range(50):
    try:
        peer = socket.create_connection(("127.0.0.1", 24434), 10)
        break
    except OSError:
        time.sleep(0.1)
connection = h2.connection.H2Connection()
connection.initiate_connection()
fields = [(":method", "GET"), (":path", "/nothing"), (":scheme", "http"), (":authority", "localhost")]
fields += [(f"x-{number}", "a" * int(size)) for number, size in enumerate(sys.argv[1:])]
connection.send_headers(1, fields, end_stream=True)
peer.sendall(connection.data_to_send())
while True:
    data = peer.recv(65536)
    for event in connection.receive_data(data) if data else []:
        if isinstance(event, h2.events.ResponseReceived):
            sys.exit(print("status", dict(event.headers)[b":status"].decode()))
        if isinstance(event, h2.events.StreamReset):
            sys.exit(print("RST_STREAM"))
        if isinstance(event, h2.events.ConnectionTerminated):
            sys.exit(print("GOAWAY", event.error_code.name))
    if not data:
        sys.exit(print("closed"))
    peer.sendall(connection.data_to_send())
PYTHON
expect "two headers of 20,000 bytes" "$("$python" "$work/ask.py" 20000 20000)" "status 404"
expect "two headers of 40,000 bytes, more than nghttpd takes" "$("$python" "$work/ask.py" 40000 40000)" "RST_STREAM"
expect "one header of 62,500 bytes (100,000 letters by Huffman's code)" "$("$python" "$work/ask.py" 100000)" "RST_STREAM"
expect "one header of 65,938 bytes" "$("$python" "$work/ask.py" 105500)" "GOAWAY COMPRESSION_ERROR"
