/* What gateways ask, done by the agent's own signer process: several at a time, each answer to the
 * gateway that asked. */
#ifndef GATEHOUSE_AGENT_RELAY_H
#define GATEHOUSE_AGENT_RELAY_H

#include "agent/session.h"
#include "provider/client.h"

struct relay;

/* Threads that work on requests. */
MUST_USE bool relay_new(struct signer *signer, unsigned threads, struct relay **ret_relay,
                        struct error *err);

/* A connection to one gateway, shared by who reads it and the requests under way. */
struct uplink;
struct uplink *uplink_new(struct session *session); /* takes the session over */
struct session *uplink_session(struct uplink *uplink);
void uplink_release(struct uplink *uplink);

/* Queues one request; waits while very many are queued. */
void relay_take(struct relay *relay, struct uplink *uplink, struct view message);

/* What an agent does for a gateway: ERROR_FORBIDDEN "agent-refuses" for all else (PINs are given at
 * the agent alone, keys are made there). */
MUST_USE bool relay_allows(unsigned op, struct error *err);

#endif
