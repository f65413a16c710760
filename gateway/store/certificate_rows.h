/* Rows of certificates with their status, shared by look-ups and lists. Private to this room. */
#ifndef GATEHOUSE_STORE_CERTIFICATE_ROWS_H
#define GATEHOUSE_STORE_CERTIFICATE_ROWS_H

#include "base/encode.h"
#include "store/certificates.h"
#include "store/query.h"

/* rfc5280#5.3.1 CRLReason */
enum { REASON_CERTIFICATE_HOLD = 6, REASON_REMOVE_FROM_CRL = 8 };

/* The text search: pieces of what is searched, which overlap so that every text that may be searched for lies
 * whole in one of them. */
#define SEARCH_TEXT_MAX ((size_t)200)
#define SEARCH_PIECE ((size_t)600)
#define SEARCH_TOTAL ((size_t)65536)

/* `der` is "c.der", or "''" where lists leave it out; the index is said, since the optimizer may otherwise
 * begin with the CA or template and walk all of its certificates. */
#define CERTIFICATE_SELECT(der, index)                                                             \
    "SELECT c.id, c.ca_id, c.organisation_id, a.slug, c.issuer_key_id, c.template_id, t.slug, "    \
    "c.template_version, c.request_id, c.purpose, c.serial, c.subject, c.common_name, c.sans, "    \
    "c.key_type, c.requester, c.not_before_us, c.not_after_us, c.created_us, "                     \
    "c.fingerprint_sha256, c.spki_sha256, " der ", COALESCE(r.reason, 0), "                        \
    "COALESCE(r.revoked_us, 0), COALESCE(r.invalidity_us, 0), COALESCE(r.ordinal, 0), c.door, "    \
    "COALESCE(o.owner, ''), COALESCE(o.tags, '[]'), COALESCE(o.fields, '{}'), "                    \
    "COALESCE(o.archived_us, 0), COALESCE(o.revision, 0) "                                         \
    "FROM certificates c FORCE INDEX (" index ") STRAIGHT_JOIN cas a ON a.id = c.ca_id "            \
    "LEFT JOIN templates t ON t.id = c.template_id "                                               \
    "LEFT JOIN certificate_notes o ON o.certificate_id = c.id "                                    \
    "LEFT JOIN revocations r ON r.certificate_id = c.id AND r.ordinal = "                          \
    "(SELECT MAX(n.ordinal) FROM revocations n WHERE n.certificate_id = c.id) WHERE "

/* certificate_count.c: how many there are by authority, state, end and use; own_only is not asked. */
bool certificate_filter_is_plain(const struct certificate_filter *filter);
MUST_USE bool certificate_count_plain(struct tx *tx, struct arena *arena, const struct scope *scope,
                                      const struct certificate_filter *filter, int64_t *ret_count,
                                      struct error *err);
/* Whether one of a hundred of the newest certificates (of the CA, unless nil) has the text, a search_pattern. */
MUST_USE bool search_is_frequent(struct tx *tx, struct arena *arena, const struct uuid *ca, struct view pattern,
                                 bool *ret_frequent, struct error *err);

/* certificate_search.c: the conditions of a filter that do not fit into the walks of certificate_list.c. Adds
 * the ids of one page, newest first, or (count) only how many there are. */
bool certificate_filter_is_rich(const struct certificate_filter *filter);
struct keys;
MUST_USE bool certificate_search(struct tx *tx, const struct scope *scope,
                                 const struct certificate_filter *filter, struct uuid before,
                                 unsigned limit, struct keys *keys, struct error *err);

/* Along the index of the filter's order, each certificate looked up: for what fits often. The page begins behind the
 * key, whose time is SORT_TIME or 0; the keys have that time, too. */
MUST_USE bool certificate_search_along(struct tx *tx, const struct scope *scope, const struct certificate_filter *filter,
                                       const struct key *after, unsigned limit, struct keys *keys, struct error *err);
/* Ends of certificates as times of keys, which are not negative: those before 1970 count, too. */
#define SORT_TIME "c.not_after_us + 1152921504606846976"
#define SORT_TIME_BEGINS ((int64_t)1 << 60)
static inline bool certificate_sorts_by_end(const struct certificate_filter *filter) {
    return filter->sort == CERTIFICATE_ENDS_FIRST || filter->sort == CERTIFICATE_ENDS_LAST;
}

/* A name as it is kept and looked for: folded, cut to 255 octets. */
#define NAME_KEY_MAX ((size_t)255)
struct view name_key(struct arena *arena, const char *name);
struct view name_key_reversed(struct arena *arena, struct view key);

/* "%text%" with what LIKE would understand escaped by "!"; the text is folded already. */
struct view search_pattern(struct arena *arena, const char *text);

void certificate_row_read(struct rows *rows, struct certificate_record *ret);

#endif
