#include "http/refusal.h"

#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "http/framing.h"

enum { REFUSAL_BYTES = 512, DATE_BYTES = 40 };

static size_t write_refusal(const char *message, char ret_text[static REFUSAL_BYTES]) {
    char date[DATE_BYTES] = "";
    char body[REFUSAL_BYTES / 2];
    struct tm utc;
    time_t now = sp_clock_now_s();
    if (gmtime_r(&now, &utc) != NULL)
        (void)strftime(date, sizeof(date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    int body_size = snprintf(body, sizeof(body), "{\"code\":\"invalid_argument\",\"message\":\"%s\"}", message);
    int size = snprintf(ret_text, REFUSAL_BYTES,
                        "HTTP/1.1 400 Bad Request\r\n%sConnection: close\r\nContent-Type: application/json\r\n"
                        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: %d\r\n\r\n%s",
                        date, body_size, body);
    return size < 0 || size >= REFUSAL_BYTES ? 0 : (size_t)size;
}

/* A client that cannot take a few hundred bytes gets none. */
static void send_last(const struct connection *connection, const char *text, size_t size) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection->of, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info != NULL && info->tls_session != NULL) {
        (void)gnutls_record_send((gnutls_session_t)info->tls_session, text, size);
        (void)gnutls_bye((gnutls_session_t)info->tls_session, GNUTLS_SHUT_WR);
    } else {
        (void)send(connection->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    (void)shutdown(connection->fd, SHUT_WR);
}

void sp_http_refuse_unparsed(struct connection *connection) {
    char text[REFUSAL_BYTES];
    const char *mistake = sp_http_framing_mistake(connection->of, NULL, NULL);
    size_t size =
        write_refusal(mistake != NULL ? mistake : "the request is malformed; HTTP/1.1 requires a host header", text);
    connection->in_headers = false;
    send_last(connection, text, size);
}
