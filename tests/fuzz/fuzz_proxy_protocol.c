/* PROXY headers: never more octets taken than there are, and only an address comes out.
 * Links: gatehouse_http */
#include "http/internal.h"

#include <arpa/inet.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    char client[HTTP_PROXY_ADDRESS] = "";
    unsigned char bytes[16];
    long used = http_proxy_parse(at, len, client);
    if (used > 0 && ((size_t)used > len || (client[0] != '\0' && inet_pton(AF_INET, client, bytes) != 1 &&
                                            inet_pton(AF_INET6, client, bytes) != 1)))
        abort();
    return 0;
}
