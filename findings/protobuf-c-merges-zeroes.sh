#!/usr/bin/env bash
# protobuf-c 1.4.1: a sub-message that comes in two parts loses the numbers and bools of the first.
#
# Guess: as the encoding's specification says: occurrences of a singular sub-message are merged, so a field that only the first has
#        keeps its value. Strings do.
# Seen:  proto3 numbers and bools of the first part become 0 when the second part lacks them. Google's library keeps them.
source "$(dirname "$0")/support/common.sh"
command -v cc >/dev/null || cannot "there is no C compiler"
unpack_debian libprotobuf-c1=1.4.1-1+b1 libprotobuf-c-dev=1.4.1-1+b1 protobuf-c-compiler=1.4.1-1+b1
install_python grpcio-tools==1.85.1

cat >"$work/account.proto" <<'PROTO'
syntax = "proto3";
message Limits { uint32 seats = 1; string plan = 2; bool trial = 3; string note = 4; }
message Account { Limits limits = 1; }
PROTO
# limits {seats: 5, trial: true, note: "n"}, then limits {plan: "p"}
bytes='0a 07 08 05 18 01 22 01 6e 0a 03 12 01 70'
cat >"$work/finding.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include "account.pb-c.h"

int main(int argc, char **argv) {
    uint8_t bytes[64];
    size_t size = 0;
    for (int i = 1; i < argc; i++)
        bytes[size++] = (uint8_t)strtoul(argv[i], NULL, 16);
    Account *account = account__unpack(NULL, size, bytes);
    if (account == NULL)
        return 1;
    const Limits *limits = account->limits;
    printf("seats %u, plan %s, trial %d, note %s\n", limits->seats, limits->plan, limits->trial, limits->note);
    account__free_unpacked(account, NULL);
    return 0;
}
C
cd "$work"
library=$(dirname "$(find debian -name libprotobuf-c.so.1 | head -1)")
"$python" -m grpc_tools.protoc -I . --python_out=. --plugin=protoc-gen-c="$(find debian -name protoc-gen-c | head -1)" --c_out=. account.proto
cc -I . -I debian/usr/include -o finding finding.c account.pb-c.c "$library/libprotobuf-c.so.1" -Wl,-rpath,"$work/$library"
# shellcheck disable=SC2086 # one argument for each byte
expect "protobuf-c" "$(./finding $bytes)" "seats 0, plan p, trial 0, note n"
expect "Google's" "$("$python" -c 'import account_pb2, sys; limits = account_pb2.Account.FromString(bytes.fromhex(sys.argv[1])).limits
print(f"seats {limits.seats}, plan {limits.plan}, trial {limits.trial:d}, note {limits.note}")' "$bytes")" "seats 5, plan p, trial 1, note n"
