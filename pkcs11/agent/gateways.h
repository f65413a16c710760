/* An agent's connections, one to each configured address of the gateway, for ever tried again. */
#ifndef GATEHOUSE_AGENT_GATEWAYS_H
#define GATEHOUSE_AGENT_GATEWAYS_H

#include "agent/dial.h"
#include "agent/relay.h"

#define GATEWAYS_MAX 16

struct gateway_line {
    char address[264];
    bool connected;
    int64_t since_us; /* of the last change; 0: none yet */
    char problem[512]; /* why it is not connected */
};

struct gateways;
/* Starts a thread for each address (NULL-terminated). state and tls must outlive the process. */
MUST_USE bool gateways_start(const char *const *addresses, const struct agent_state *state,
                             SSL_CTX *tls, struct relay *relay, struct gateways **ret_gateways,
                             struct error *err);
/* How each of them is. */
size_t gateways_look(struct gateways *gateways, struct gateway_line ret_lines[static GATEWAYS_MAX]);

#endif
