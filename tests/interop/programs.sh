# Starts both programs for a shell test; sourced. After programs_start BUILD WORK: $server_address, $admin_address,
# WORK/operator.key, WORK/store. programs_stop ends what was started, by pid. over_each_engine runs a function once for each
# engine that serves gRPC; channel_settings prints the service config of docs/clients.md.
sync_pid='' server_pid=''
server_address='' admin_address=''

# Below those that the kernel gives to outgoing connections: while a program restarts, none of these takes its port.
free_port() {
    local port
    while :; do
        port=$((10000 + RANDOM % 22768))
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# FUNCTION WORK: calls FUNCTION WORK/ENGINE, an empty folder, with both programs on that engine. SP_TEST_ENGINES chooses.
over_each_engine() {
    local engine
    for engine in ${SP_TEST_ENGINES:-grpc h2}; do
        echo "engine $engine:"
        export SALLYPORTD_ENGINE=$engine SALLYPORT_SYNC_ENGINE=$engine
        mkdir "$2/$engine"
        "$1" "$2/$engine"
        programs_stop
    done
}

channel_settings() {
    # A machine that runs many tests at once may be slow for seconds.
    sed -n '/^```json$/,/^```$/{/^```/d;s/"timeout": "1s"/"timeout": "30s"/;p;}' "$(dirname "${BASH_SOURCE[0]}")/../../docs/clients.md"
}

programs_start() {
    local build=$1 work=$2 i
    export SALLYPORTD_HTTP_LISTEN=127.0.0.1:0 SALLYPORT_SYNC_HTTP_LISTEN=127.0.0.1:0 # any free port
    admin_address=127.0.0.1:$(free_port)
    server_address=127.0.0.1:$(free_port)
    "$build/sallyport-sync" init --store "$work/store" --key-file "$work/operator.key"
    "$build/sallyport-sync" serve --store "$work/store" --listen "$admin_address" 2>"$work/sync.log" &
    sync_pid=$!
    "$build/sallyportd" --store "$work/store" --listen "$server_address" 2>"$work/server.log" &
    server_pid=$!
    for i in $(seq 100); do
        (: <"/dev/tcp/${admin_address/:/\/}") 2>/dev/null && (: <"/dev/tcp/${server_address/:/\/}") 2>/dev/null && return
        kill -0 "$sync_pid" "$server_pid" 2>/dev/null || break
        sleep 0.1
    done
    echo "the programs did not start:" >&2
    tail -5 "$work/sync.log" "$work/server.log" >&2
    return 1
}

programs_stop() {
    local pid
    for pid in $server_pid $sync_pid; do
        kill "$pid" 2>/dev/null && wait "$pid"
    done
    sync_pid='' server_pid=''
    return 0
}
