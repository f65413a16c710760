/* How long what is stored may be. Text is counted in characters, unless it says octets. Who takes input
 * from people checks against these and words the refusal; what is longer all the same is refused by the
 * store with ERROR_MALFORMED "too-long", and text that is not UTF-8 with ERROR_MALFORMED "bad-text". */
#ifndef GATEHOUSE_STORE_LIMITS_H
#define GATEHOUSE_STORE_LIMITS_H

#define MAX_SLUG 63
#define MAX_NAME 200         /* organisations, CAs, templates; display names, token labels, requesters */
#define MAX_USERNAME 190
#define MAX_EMAIL 254
#define MAX_PASSWORD_HASH 500
#define MAX_KEY_TYPE 64
#define MAX_KEY_URI 2000
#define MAX_SUBJECT 2000     /* RFC 4514 text */
#define MAX_COMMON_NAME 500
#define MAX_REASON 1000
#define MAX_DOOR 32
#define MAX_SETTING_NAME 100 /* leases, too */
#define MAX_SERIAL 20        /* octets */
#define MAX_EVENT_CODE 64
#define MAX_EVENT_OUTCOME 16
/* DER, chains, JSON documents, SAN text, settings: octets. Far below the server's packet limit of 16 MiB,
 * since several of them travel in one row. CRLs have no such limit: they are stored in chunks. */
#define MAX_DOCUMENT ((size_t)1024 * 1024)

#endif
