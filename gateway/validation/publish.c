/* Copies of our own lists in other places: a directory (written beside, then renamed), a server that takes PUT, or an
 * LDAP entry.
 * What was published last is only remembered in the process: after a restart everything goes out once more. */
#include "validation/internal.h"

#include "base/log.h"
#include "base/metrics.h"
#include "ca/overdue.h"
#include "ca/servers.h"
#include "net/fetch.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REMEMBERED 4096

enum list_kind { LIST_COMPLETE, LIST_DELTA, LIST_PARTITION };
struct copy {
    enum list_kind kind;
    const char *name; /* of a file */
    struct crl_document crl;
};

/* Of each place, which list it has. */
static struct {
    pthread_mutex_t mutex;
    struct {
        uint64_t place;
        int64_t number;
    } seen[REMEMBERED];
} memory = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static uint64_t hash_place(const char *slug, const char *name, const char *url) {
    uint64_t hash = UINT64_C(14695981039346656037);
    const char *const texts[] = {slug, "/", name, " ", url};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (const char *at = texts[i]; *at != '\0'; at++)
            hash = (hash ^ (uint8_t)*at) * UINT64_C(1099511628211);
    return hash;
}

static bool is_there(uint64_t place, int64_t number) {
    pthread_mutex_lock(&memory.mutex);
    bool there = memory.seen[place % REMEMBERED].place == place &&
                 memory.seen[place % REMEMBERED].number == number;
    pthread_mutex_unlock(&memory.mutex);
    return there;
}

static void remember(uint64_t place, int64_t number) {
    pthread_mutex_lock(&memory.mutex);
    memory.seen[place % REMEMBERED].place = place;
    memory.seen[place % REMEMBERED].number = number;
    pthread_mutex_unlock(&memory.mutex);
}

static bool write_all(int file, struct view bytes) {
    while (bytes.len > 0) {
        ssize_t n = write(file, bytes.at, bytes.len);
        if (n <= 0)
            return false;
        bytes = view_of(bytes.at + n, bytes.len - (size_t)n);
    }
    return true;
}

/* Who may set up a CA may not thereby write wherever the gateway may: the machine's administrator names the
 * directory. Links are followed first. */
static bool is_allowed(const char *base, const char *directory) {
    char real_base[PATH_MAX], real[PATH_MAX];
    if (base == NULL || realpath(base, real_base) == NULL || realpath(directory, real) == NULL)
        return false;
    size_t len = strlen(real_base);
    return strncmp(real, real_base, len) == 0 && (real[len] == '/' || real[len] == '\0');
}

/* Whoever reads the directory sees the old list or the new one, never half of it. */
static bool to_directory(struct core *core, struct arena *arena, const char *directory,
                         const char *name, struct view der, struct error *err) {
    if (!is_allowed(core_publish_directory(core), directory))
        return fail(err, ERROR_POLICY, "fetch-refused",
                    "%s is not there or does not lie under the directory that the option "
                    "publish-directory names.",
                    directory);
    const char *final = arena_printf(arena, "%s/%s", directory, name);
    char *draft = arena_printf(arena, "%s/.%s.XXXXXX", directory, name);
    int file = mkstemp(draft);
    bool ok = file >= 0 && write_all(file, der) && fchmod(file, 0644) == 0 && fsync(file) == 0;
    if (file >= 0)
        ok = close(file) == 0 && ok;
    if (ok && rename(draft, final) == 0)
        return true;
    if (file >= 0)
        unlink(draft);
    return fail(err, ERROR_UNAVAILABLE, "fetch-failed",
                "%s cannot be written; the gateway's user needs write access to its directory.", final);
}

static bool by_put(struct core *core, struct arena *arena, const char *slug, const char *url, const char *name,
                   struct view der, struct error *err) {
    struct server_login login;
    TRY(servers_login(core, arena, slug, url, &login, err));
    static const struct fetch_header type = {"Content-Type", "application/pkix-crl"};
    size_t len = strlen(url);
    const char *target =
        arena_printf(arena, "%s%s%s", url, len > 0 && url[len - 1] == '/' ? "" : "/", name);
    struct fetch_request ask = {.method = "PUT",
                                .url = target,
                                .body = der,
                                .headers = &type,
                                .header_count = 1,
                                .total_timeout_ms = 120000,
                                .reach = FETCH_ANYWHERE,
                                .username = login.username,
                                .password = login.password,
                                .ca_pem = login.ca_pem};
    struct fetch_reply reply;
    TRY(fetch(arena, &ask, &reply, err));
    return (reply.status >= 200 && reply.status < 300) ||
           fail(err, ERROR_UNAVAILABLE, "fetch-failed", "PUT of %s was answered with %d.", target,
                reply.status);
}

/* The entry of a partition: below that of the complete list, under the name that its file would have. */
static const char *below(struct arena *arena, const char *url, const char *name) {
    const char *host = strstr(url, "://"), *dn = host == NULL ? NULL : strchr(host + 3, '/');
    if (dn == NULL) /* the settings' check has seen a DN */
        return url;
    return arena_printf(arena, "%.*s/cn=%.*s,%s", (int)(dn - url), url, (int)(strlen(name) - strlen(".crl")), name,
                        dn + 1);
}

/* rfc4523#2.7, #2.9. An entry has room for the complete list and the delta; each partition has one of its own
 * (cRLDistributionPoint, rfc4523#3.7). */
static bool to_ldap(struct core *core, struct arena *arena, const char *slug, const char *url, const struct copy *copy,
                    struct error *err) {
    struct directory_place place;
    bool delta = copy->kind == LIST_DELTA;
    if (copy->kind == LIST_PARTITION)
        url = below(arena, url, copy->name);
    TRY(validation_place(core, arena, slug, url, &place, err));
    place.attribute = delta ? "deltaRevocationList;binary" : "certificateRevocationList;binary";
    place.server.timeout_s = 30;
    return directory_write(arena, &place, delta ? "deltaCRL" : "pkiCA", copy->crl.der, err);
}

static bool send_to(struct core *core, struct arena *arena, const char *slug, const char *url, const struct copy *copy,
                    struct error *err) {
    if (strncmp(url, "file://", 7) == 0)
        return to_directory(core, arena, url + 7, copy->name, copy->crl.der, err);
    if (strncmp(url, "ldap", 4) == 0)
        return to_ldap(core, arena, slug, url, copy, err);
    return by_put(core, arena, slug, url, copy->name, copy->crl.der, err);
}

/* --- trying a place ------------------------------------------------------------------------------------------ */

#define TRIAL "gatehouse-test"

/* Written, and gone again. */
static bool try_directory(struct core *core, struct arena *arena, const char *directory, struct error *err) {
    TRY(to_directory(core, arena, directory, TRIAL, view_text("A test.\n"), err));
    const char *file = arena_printf(arena, "%s/" TRIAL, directory);
    return unlink(file) == 0 || fail(err, ERROR_UNAVAILABLE, "fetch-failed", "%s cannot be removed again.", file);
}

/* A server need not let anybody delete: then the file stays, and is the same each time. */
static bool try_put(struct core *core, struct arena *arena, const char *slug, const char *url, struct error *err) {
    struct server_login login;
    struct fetch_reply reply;
    struct error ignored = {0};
    TRY(by_put(core, arena, slug, url, TRIAL, view_text("A test.\n"), err));
    TRY(servers_login(core, arena, slug, url, &login, err));
    struct fetch_request ask = {.method = "DELETE",
                                .url = arena_printf(arena, "%s%s" TRIAL, url, url[strlen(url) - 1] == '/' ? "" : "/"),
                                .reach = FETCH_ANYWHERE,
                                .username = login.username,
                                .password = login.password,
                                .ca_pem = login.ca_pem};
    if (!fetch(arena, &ask, &reply, &ignored))
        log_failure(LOG_DEBUG, "publish", slug, &ignored);
    return true;
}

/* Whether it takes us; whether we may write the entry shows with the first list. */
static bool try_ldap(struct core *core, struct arena *arena, const char *slug, const char *url, struct error *err) {
    struct directory_place place;
    SCOPED_LDAP LDAP *ld = NULL;
    const char *host = strstr(url, "://");
    TRY(validation_place(core, arena, slug, url, &place, err));
    int len = host == NULL ? (int)strlen(url) : (int)(host - url) + 3 + (int)strcspn(host + 3, "/");
    place.server.url = arena_printf(arena, "%.*s", len, url);
    place.server.timeout_s = 10;
    return directory_connect(&place.server, &ld, err);
}

bool publish_try(struct core *core, struct arena *arena, const char *slug, const char *url, struct error *err) {
    if (strncmp(url, "file://", 7) == 0)
        return try_directory(core, arena, url + 7, err);
    if (strncmp(url, "ldap", 4) == 0)
        return try_ldap(core, arena, slug, url, err);
    return try_put(core, arena, slug, url, err);
}

/* --- the job ------------------------------------------------------------------------------------------------- */

METRIC(copies, METRIC_COUNTER, "gatehouse_crl_copies_total",
       "Lists of revoked certificates sent to other places, by the kind of place and how it went.", "place", "outcome");

static const char *kind_of_place(const char *url) {
    return strncmp(url, "file:", 5) == 0 ? "directory" : strncmp(url, "ldap", 4) == 0 ? "ldap" : "http";
}

/* *first is the first failure of the CA's copies in this round; the places after it are served all the same. */
static void publish(struct core *core, struct arena *arena, const char *slug, const struct text_list *places,
                    const struct copy *copy, struct error *first) {
    for (size_t i = 0; i < places->count; i++) {
        const char *url = places->items[i];
        uint64_t place = hash_place(slug, copy->name, url);
        struct error err = {0};
        if (is_there(place, copy->crl.number))
            continue;
        bool sent = send_to(core, arena, slug, url, copy, &err);
        METRIC_ADD(&copies, 1, kind_of_place(url), sent ? "done" : "failed");
        if (sent) {
            remember(place, copy->crl.number);
            continue;
        }
        log_failure(LOG_WARN, "publish", slug, &err);
        if (first->kind == ERROR_NONE)
            *first = err;
    }
}

static bool publish_lists(struct core *core, struct arena *arena, const struct ca_record *ca,
                          const struct ca_settings *settings, struct error *first, struct error *err) {
    const struct text_list *places = &settings->crl.publish;
    struct copy copy = {.kind = LIST_COMPLETE};
    TRY(status_crl(core, arena, ca->slug, &copy.crl, err));
    copy.name = arena_printf(arena, "%s.crl", ca->slug);
    publish(core, arena, ca->slug, places, &copy, first);
    if (settings->crl.delta_hours > 0) {
        TRY(status_crl_delta(core, arena, ca->slug, &copy.crl, err));
        copy.kind = LIST_DELTA;
        copy.name = arena_printf(arena, "%s-delta.crl", ca->slug);
        publish(core, arena, ca->slug, places, &copy, first);
    }
    for (int p = 0; settings->crl.partitions > 1 && p < settings->crl.partitions; p++) {
        int scope = (int)settings->crl.partitions + p;
        TRY(status_crl_partition(core, arena, ca->slug, scope, &copy.crl, err));
        copy.kind = LIST_PARTITION;
        copy.name = arena_printf(arena, "%s-%s", ca->slug, status_partition_name(arena, scope));
        publish(core, arena, ca->slug, places, &copy, first);
    }
    return true;
}

/* What failed is tried again in the next round; meanwhile it is on readyz, and there is an event. */
static bool publish_ca(struct core *core, const struct ca_record *ca, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct ca_settings settings;
    struct error first = {0};
    TRY(authority_settings(arena, ca, &settings, err));
    bool wanted = settings.crl.publish.count > 0 && ca->certificate.len > 0;
    if (wanted)
        TRY(publish_lists(core, arena, ca, &settings, &first, err));
    overdue_note(core, arena, ca, OVERDUE_COPY, first.kind == ERROR_NONE ? NULL : &first);
    return true;
}

bool publish_all(void *context, struct arena *arena, struct error *err) {
    struct page page = {.limit = 100};
    do {
        struct ca_record *cas;
        size_t count;
        TRY(authority_page(context, arena, &actor_system, &page, &cas, &count, &page.cursor, err));
        for (size_t i = 0; i < count; i++) {
            struct error trouble = {0};
            if (!publish_ca(context, &cas[i], &trouble))
                log_failure(LOG_WARN, "publish", cas[i].slug, &trouble);
        }
    } while (page.cursor != NULL && page.cursor[0] != '\0');
    return true;
}
