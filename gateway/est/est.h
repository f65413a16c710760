/* EST (RFC 7030, RFC 8951, RFC 9908): enrolment over HTTPS.
 *
 *   GET   /.well-known/est[/{template}]/cacerts, csrattrs
 *   POST  /.well-known/est[/{template}]/simpleenroll, simplereenroll, serverkeygen
 *   POST  /.well-known/est[/{template}]/fullcmc                        not implemented: 501
 *   REST  /api/v1/est, /api/v1/templates/{template}/est
 */
#ifndef GATEHOUSE_EST_EST_H
#define GATEHOUSE_EST_EST_H

#include "ca/core.h"
#include "http/types.h"

/* The protocol and its management; the core is the context of both. */
struct http_room est_room(struct core *core);

#endif
