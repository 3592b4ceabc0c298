#!/usr/bin/env bash
# GnuTLS 3.7.9: a server does not learn from an OpenSSL client why it refuses the server's certificate, in TLS 1.3.
#
# Guess: a client that trusts no CA ends the handshake by the alert "unknown CA", and the server sees that alert, as in TLS 1.2.
# Seen:  the client sends the alert before it has switched its keys, so without encryption; the server tries to decrypt it, and fails. What
#        serves by GnuTLS can only say that the handshake failed.
source "$(dirname "$0")/support/common.sh"
command -v openssl >/dev/null || cannot "openssl is not here"
unpack_debian gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 libgnutls-dane0=3.7.9-2+deb12u7
LD_LIBRARY_PATH=$(dirname "$(find "$work/debian" -name libgnutls.so.30 | head -1)")
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/key.pem" -out "$work/certificate.pem" -days 2 \
    -subj /CN=localhost 2>"$work/openssl.log"

# What the server says of a client of that version that trusts nobody.
refuse() { # s_client's option
    LD_LIBRARY_PATH=$LD_LIBRARY_PATH stdbuf -oL "$work/debian/usr/bin/gnutls-serv" --echo --port 24433 --x509certfile "$work/certificate.pem" \
        --x509keyfile "$work/key.pem" >"$work/server$1.log" 2>&1 &
    local server=$!
    for _ in $(seq 50); do
        openssl s_client -connect 127.0.0.1:24433 "$1" -verify_return_error </dev/null >/dev/null 2>&1 || true
        grep -q "^Error in handshake" "$work/server$1.log" && break
        sleep 0.1
    done
    kill "$server"
    wait "$server" || true
    grep -m1 "^Error in handshake" "$work/server$1.log"
}
expect "TLS 1.2" "$(refuse -tls1_2)" "Error in handshake: A TLS fatal alert has been received."
expect "TLS 1.3" "$(refuse -tls1_3)" "Error in handshake: Decryption has failed."
