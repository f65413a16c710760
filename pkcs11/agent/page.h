/* The agent's local page over HTTPS: how the connections and the tokens are, PINs typed, certificates stored. */
#ifndef GATEHOUSE_AGENT_PAGE_H
#define GATEHOUSE_AGENT_PAGE_H

#include "agent/gateways.h"

struct page_config {
    const char *address;   /* "127.0.0.1:8446" */
    const char *directory; /* the state's */
    struct signer *signer;
    struct gateways *gateways;
};
/* For the life of the process; the config is copied, its texts are not. */
MUST_USE bool page_start(const struct page_config *config, struct error *err);

#endif
