/* What gateways ask, done by the agent's own signer process: several at a time, each answer to the
 * gateway that asked. */
#ifndef GATEHOUSE_AGENT_RELAY_H
#define GATEHOUSE_AGENT_RELAY_H

#include "agent/session.h"
#include "provider/client.h"

struct relay;

/* What a gateway may do with the tokens beside finding keys and using them. */
enum relay_rights {
    RELAY_USE,  /* nothing but listing, checking and storing certificates */
    RELAY_MAKE, /* make keys, too */
    RELAY_ALL   /* and remove them */
};

/* Threads that work on requests, and one that tells the gateways each second that it is still being
 * worked on what they asked. */
MUST_USE bool relay_new(struct signer *signer, unsigned threads, enum relay_rights rights,
                        struct relay **ret_relay, struct error *err);

/* A connection to one gateway, shared by who reads it and the requests under way. */
struct uplink;
struct uplink *uplink_new(struct relay *relay, struct session *session); /* takes the session over */
struct session *uplink_session(struct uplink *uplink);
void uplink_release(struct uplink *uplink);

/* Queues one request; waits while very many are queued. */
void relay_take(struct relay *relay, struct uplink *uplink, struct view message);

/* What an agent does for a gateway: ERROR_FORBIDDEN "agent-refuses" for all else (a token's user PIN is
 * given at the agent alone). */
MUST_USE bool relay_allows(enum relay_rights rights, const struct wire_request *request,
                           struct error *err);

#endif
