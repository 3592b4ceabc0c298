#include "rpc/refusals.h"

const char sp_rpc_stopping[] = "the server is stopping: try again, on another connection";
const char sp_rpc_reconnect[] = "the server is stopping: reconnect";
const char sp_rpc_perhaps_done[] =
    "the server stopped before the call was complete, and the call may have taken effect: "
    "try again, on another connection";
const char sp_rpc_too_late[] = "the deadline had passed before the call was handled";
const char sp_rpc_no_room[] = "the requests in progress hold too many bytes: try again";
const char sp_rpc_no_compression[] = "this server does not accept compressed messages: send them without gzip";
