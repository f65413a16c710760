/* Issued certificates and what became of them. Rows of certificates, revocations and events are only ever
 * added: a revocation is a row, the newest of a certificate counts. */
#ifndef GATEHOUSE_STORE_CERTIFICATES_H
#define GATEHOUSE_STORE_CERTIFICATES_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

enum certificate_use { /* what it is for; the inventory shows service certificates as such */
    CERTIFICATE_END_ENTITY = 1,
    CERTIFICATE_CA = 2,
    CERTIFICATE_OCSP = 3,
    CERTIFICATE_TSA = 4,
    CERTIFICATE_SCEP = 5,
    CERTIFICATE_TLS = 6,
    CERTIFICATE_CMP = 7,
};

struct certificate_record {
    struct uuid id, ca_id;
    struct uuid organisation_id; /* read only: the CA's */
    const char *ca_slug;         /* read only */
    struct uuid issuer_key_id;   /* serial is unique under it */
    struct uuid template_id;     /* nil for CA and service certificates */
    const char *template_slug;   /* read only; "" when nil */
    int64_t template_version;
    struct uuid request_id;      /* nil when there was none */
    enum certificate_use use;
    struct view serial;          /* 1-20 octets, big-endian, no leading zero octet beyond the sign's need */
    const char *subject;         /* RFC 4514 */
    const char *common_name;     /* or "" */
    const char *sans;            /* text */
    const char *key_type;
    const char *requester;
    int64_t not_before_us, not_after_us, created_us;
    uint8_t fingerprint_sha256[32], spki_sha256[32];
    struct view der;
    /* of the newest revocation row */
    bool revoked;                /* held counts as revoked */
    int reason;                  /* CRLReason */
    int64_t revoked_us, invalidity_us;
    int64_t status_ordinal;      /* 0: never revoked */
    const char *door;            /* by which it was asked for; "" or NULL: none */
    /* what people have written about it; read only here, see notes.h */
    const char *owner, *tags, *fields; /* "", JSON array, JSON object */
    int64_t archived_us;         /* 0: not archived */
    int64_t note_revision;       /* 0: nothing was ever written */
    struct view scts;            /* written only: what OCSP answers carry, see transparency.h; empty: nothing */
};

/* The length of the first of names that are joined by ", "; a comma within a name stands behind a backslash. */
size_t joined_span(const char *joined);

/* ERROR_CONFLICT "serial-in-use" on a serial that this issuer key has used; ERROR_NOT_FOUND when the CA has
 * been deleted meanwhile. */
MUST_USE bool certificate_insert(struct tx *tx, const struct certificate_record *certificate,
                                 struct error *err);
MUST_USE bool certificate_by_id(struct tx *tx, struct arena *arena, const struct scope *scope,
                                struct uuid id, struct certificate_record *ret, struct error *err);
MUST_USE bool certificate_by_serial(struct tx *tx, struct arena *arena, struct uuid ca_id,
                                    struct view serial, struct certificate_record *ret,
                                    struct error *err);
/* By SHA-256 of its DER, whatever the scope. ERROR_NOT_FOUND. */
MUST_USE bool certificate_by_fingerprint(struct tx *tx, struct arena *arena,
                                         const uint8_t sha256[static 32],
                                         struct certificate_record *ret, struct error *err);

enum certificate_state { /* at a moment; for filters. A certificate is in exactly one of 1 to 4 */
    CERTIFICATE_ANY = 0,
    CERTIFICATE_VALID = 1,   /* neither expired nor revoked nor held (a later beginning does not matter) */
    CERTIFICATE_EXPIRED = 2, /* and not revoked or held before */
    CERTIFICATE_REVOKED = 3, /* for good, expired since or not */
    CERTIFICATE_HELD = 4,
};
enum name_match { NAME_EXACT, NAME_PREFIX, NAME_SUFFIX };
enum certificate_sort { CERTIFICATE_NEWEST, CERTIFICATE_OLDEST, CERTIFICATE_ENDS_FIRST, CERTIFICATE_ENDS_LAST };
enum archive_filter { ARCHIVED_HIDDEN, ARCHIVED_ONLY, ARCHIVED_SHOWN };
struct certificate_filter {
    struct uuid ca_id;            /* nil: all in scope */
    enum certificate_state state;
    const char *text; /* NULL: all. A substring of CN, subject or SANs (of their first 64 KiB; capitals do not
                         matter), the whole serial number, or four digits or more of the fingerprint's
                         beginning (hex; colons, dashes and spaces are skipped). At most 200 octets:
                         ERROR_MALFORMED "too-long" */
    int64_t now_us;
    int64_t expires_before_us;    /* 0: no limit */
    int64_t expires_after_us;     /* 0: no limit */
    /* The rest narrow by themselves; NULL, nil, 0: any. Exact, but for capitals in names and owners. */
    const char *name;             /* of the subject or a SAN, by `match`; at most 255 octets count */
    enum name_match match;
    const char *subject; /* the whole one, as struct certificate_record has it; `name` or `text` should lead to it */
    const char *email;
    struct view serial, fingerprint_sha256; /* whole ones; empty: any */
    struct uuid template_id;
    const char *key_type, *door, *requester, *owner, *tag;
    enum certificate_use use;
    enum archive_filter archived;
    struct uuid requester_id;     /* of its request */
    enum certificate_sort sort;   /* of lists; does not count */
};
/* In the filter's order; der is left out (empty view). Quick on a million certificates but for a text that is hardly
 * ever found: that reads one narrow row a certificate (see certificate_list.c). Certificates of deleted CAs
 * are listed; own_only: those whose request the actor made. */
MUST_USE bool certificate_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                               const struct certificate_filter *filter, const struct page *page,
                               struct certificate_record **ret_items, size_t *ret_count,
                               const char **ret_next, struct error *err);

/* Those of these ids (at most 500) that there are, newest first, whatever the scope. */
MUST_USE bool certificate_by_ids(struct tx *tx, struct arena *arena, const struct uuid *ids, size_t count, bool want_der,
                                 struct certificate_record **ret_items, size_t *ret_count, struct error *err);
/* How many there are, counted to `most` + 1 at most. To COUNT_BOUNDED it takes some ten milliseconds, however many there
 * are, but for texts that hardly any has and for conditions that many have one by one and few together. */
#define COUNT_BOUNDED 10000
MUST_USE bool certificate_count(struct tx *tx, struct arena *arena, const struct scope *scope,
                                const struct certificate_filter *filter, int64_t most,
                                int64_t *ret_count, struct error *err);
/* How many end-entity and other certificates of a CA are valid now, by type of key, the most first (at most 100). */
struct key_type_count {
    const char *key_type;
    int64_t count, last_end_us;
};
MUST_USE bool certificate_key_types(struct tx *tx, struct arena *arena, struct uuid ca_id, int64_t now_us,
                                    struct key_type_count **ret_items, size_t *ret_count,
                                    struct error *err);
/* The certificates that renewed this one, oldest first (at most 100); and the one it renewed, or nil. */
MUST_USE bool certificate_line(struct tx *tx, struct arena *arena, struct uuid id,
                               struct uuid *ret_predecessor, struct uuid **ret_successors,
                               size_t *ret_count, struct error *err);
/* Of each of these, whether one was issued to renew it. */
MUST_USE bool certificates_renewed(struct tx *tx, struct arena *arena, const struct uuid *ids, size_t count,
                                   bool **ret_renewed, struct error *err);

/* Revokes, holds (reason certificateHold) or releases (removeFromCRL): adds the row number
 * status_ordinal + 1, which must be the caller's view of the certificate (compare-and-set), and bumps the
 * CA's epoch. ERROR_CONFLICT "changed-meanwhile". */
MUST_USE bool revocation_add(struct tx *tx, const struct certificate_record *certificate, int reason,
                             int64_t revoked_us, int64_t invalidity_us, struct error *err);

/* One row for the CRL: a certificate that is revoked now. */
struct revoked_row {
    struct view serial; /* of the reader's moment */
    int reason;
    int64_t revoked_us, invalidity_us;
};
struct revocation_reader {
    bool (*take)(void *context, const struct revoked_row *row, struct error *err);
    void *context;
    bool releases; /* rows with removeFromCRL, too: certificates that are released now */
};
/* What of the CA's is revoked now and not expired before `not_after_us`, row by row: nothing is kept. The body of
 * a transaction may run again, and so may this. Scopes: sql/0005-status.sql. */
MUST_USE bool revocation_read(struct tx *tx, struct uuid ca_id, int scope, int64_t not_after_us,
                              const struct revocation_reader *reader, struct error *err);
/* What became of certificates whose status has changed after the epoch: for delta lists, releases included. */
MUST_USE bool revocation_read_since(struct tx *tx, struct uuid ca_id, int64_t epoch,
                                    const struct revocation_reader *reader, struct error *err);
MUST_USE bool revocation_changed(struct tx *tx, struct uuid ca_id, int scope, int64_t epoch,
                                 bool *ret_changed, struct error *err);
/* The whole list on the arena. */
MUST_USE bool revocation_list(struct tx *tx, struct arena *arena, struct uuid ca_id, int64_t now_us,
                              struct revoked_row **ret_rows, size_t *ret_count, struct error *err);

#define CRL_COMPLETE (-1)
#define CRL_MAX_PARTITIONS 256
struct crl_record {
    struct uuid id, ca_id;
    struct uuid key_id;           /* that signed it; nil: the CA's first key */
    int scope;                    /* 0: all; n + p: partition p of n */
    int64_t base_number;          /* CRL_COMPLETE, or of the list that this delta continues */
    int64_t number;               /* unique under the CA */
    int64_t this_update_us, next_update_us;
    int64_t epoch;                /* of the CA when it was made */
    struct view der;              /* stored in chunks of at most 1 MiB */
};
/* ERROR_CONFLICT "crl-number" when the number is taken. */
MUST_USE bool crl_insert(struct tx *tx, const struct crl_record *crl, struct error *err);
/* The one with the highest number of its kind (ca_id, key_id and scope; delta or complete); without its der when want_der
 * is false. ERROR_NOT_FOUND. */
MUST_USE bool crl_newest(struct tx *tx, struct arena *arena, struct uuid ca_id, struct uuid key_id, int scope, bool delta,
                         bool want_der, struct crl_record *ret, struct error *err);
/* The highest number that any list of the CA has; 0: none. */
MUST_USE bool crl_last_number(struct tx *tx, struct uuid ca_id, int64_t *ret_number, struct error *err);
/* Deletes all but the newest `keep` of a kind. */
MUST_USE bool crl_prune(struct tx *tx, struct uuid ca_id, struct uuid key_id, int scope, bool delta, unsigned keep,
                        struct error *err);

#endif
