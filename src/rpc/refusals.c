#include "rpc/refusals.h"

const char sp_rpc_stopping[] = "the server is stopping: try again, on another connection";
const char sp_rpc_reconnect[] = "the server is stopping: reconnect";
const char sp_rpc_perhaps_done[] =
    "the server stopped before it was done with the call, which may have had its effect: "
    "try again, on another connection";
const char sp_rpc_too_late[] = "the deadline had passed before the call was handled";
const char sp_rpc_no_room[] = "too many bytes of requests are under way: try again";
const char sp_rpc_no_compression[] = "this server takes no compressed messages: send them without gzip";
