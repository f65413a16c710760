/* The agent's local page over HTTPS: how the connections and the tokens are, PINs typed, keys made or taken in, their
 * certificates made, shown and stored, tokens made for trying out. It asks the agent's signer, as the gateway does its own. */
#ifndef GATEHOUSE_AGENT_PAGE_H
#define GATEHOUSE_AGENT_PAGE_H

#include "agent/gateways.h"

struct page_config {
    const char *address;   /* "127.0.0.1:8446" */
    const char *directory; /* the state's */
    const char *const *modules; /* NAME=PATH, NULL-terminated */
    struct signer *signer;      /* with the provider: keys of tokens sign certificates */
    struct gateways *gateways;
    void (*reload)(void *context); /* returns; the process begins anew a moment later */
    void *reload_context;
};
/* For the life of the process; the config is copied, its texts are not. */
MUST_USE bool page_start(const struct page_config *config, struct error *err);

/* Where the page keeps the PIN of a token that it made: "token-LABEL.pin" in the state's directory. */
#define PAGE_PIN_PREFIX "token-"
#define PAGE_PIN_SUFFIX ".pin"

#endif
