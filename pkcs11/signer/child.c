#include "signer/child.h"

#include "base/log.h"
#include "provider/client.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ROOM "signer"
#define ENDINGS_MAX 2

/* A PIN that somebody typed: a child that is started again gets it again. */
struct typed {
    char *uri;
    char *pin; /* in locked memory */
    size_t len;
    struct typed *next;
};

/* What the last list said, to choose a child without asking all of them. */
struct seen_token {
    char *label, *serial, *manufacturer, *model;
    struct seen_token *next;
};

struct child {
    const char *name;
    struct signer *signer;
    atomic_ullong ended_epoch; /* the last one that ended under a call with a key */
    atomic_uint ended;         /* how many did so without a good answer in between */
    pthread_mutex_t pins; /* guards `typed`; held while a child that starts is given them */
    struct typed *typed;
    pthread_mutex_t lock; /* guards `seen` */
    struct seen_token *seen;
};

struct children {
    struct child list[MODULES_MAX + 1];
    struct child *managed; /* that of the managed token, or NULL */
    size_t count;
    unsigned patience;
};

/* ---- one child ------------------------------------------------------------------------------- */

/* What went wrong on the way to the module gets the module's name; what the child itself answered
 * stays. */
static void name_failure(const struct child *child, unsigned patience, struct error *err) {
    struct error cause = *err;
    if (strcmp(cause.type, "peer-timeout") == 0)
        fail(err, ERROR_UNAVAILABLE, "module-hung",
             "PKCS#11 module \"%s\" gave no answer for %u seconds; its process was ended and is "
             "started again with the next call.",
             child->name, patience);
    else if (strcmp(cause.type, "signer-unavailable") == 0 ||
             strcmp(cause.type, "peer-closed") == 0)
        fail(err, ERROR_UNAVAILABLE, "module-crashed",
             "PKCS#11 module \"%s\" cannot be used: its process ends. The log names the reason.",
             child->name);
    else
        return;
    error_detail(err, "%s", cause.message);
}

static bool call(struct children *children, struct child *child, struct wire_request *request,
                 struct connection **ret_connection, struct wire_response *ret_response,
                 struct error *err) {
    struct error cause = {0};
    if (client_call(child->signer, request, ret_connection, ret_response, &cause))
        return true;
    name_failure(child, children->patience, &cause);
    if (strcmp(cause.type, "module-crashed") == 0)
        child->ended = 0; /* somebody was told; the next call is another one */
    *err = cause;
    return false;
}

/* A child has been started: the PINs that were typed go into it. */
static void replay(void *context, struct connection *connection) {
    struct child *child = context;
    struct wire_response response;
    struct error err = {0};
    pthread_mutex_lock(&child->pins);
    for (struct typed *typed = child->typed; typed != NULL; typed = typed->next) {
        struct wire_request request = {
            .op = WIRE_LOGIN, .login = {view_text(typed->uri), view_of(typed->pin, typed->len)}};
        if (!connection_exchange(connection, &request, &response, &err))
            break;
        if (response.failed)
            log_failure(LOG_WARN, ROOM, "log in again", &response.error);
        wire_channel_wipe(&connection->channel);
    }
    pthread_mutex_unlock(&child->pins);
}

static void remember_pin(struct child *child, struct view uri, struct view pin) {
    char *copy = OPENSSL_secure_zalloc(pin.len + 1);
    if (copy == NULL)
        return; /* it is typed once more after a crash */
    memcpy(copy, pin.at, pin.len);
    char *text = must_alloc(uri.len + 1);
    memcpy(text, uri.at, uri.len);
    pthread_mutex_lock(&child->pins);
    struct typed *typed = child->typed;
    while (typed != NULL && strcmp(typed->uri, text) != 0)
        typed = typed->next;
    if (typed == NULL) {
        typed = must_alloc(sizeof *typed);
        *typed = (struct typed){.uri = text, .next = child->typed};
        child->typed = typed;
    } else {
        OPENSSL_secure_clear_free(typed->pin, typed->len + 1);
        free(text);
    }
    typed->pin = copy;
    typed->len = pin.len;
    pthread_mutex_unlock(&child->pins);
}

/* ---- tokens of a child ----------------------------------------------------------------------- */

static char *text_of(struct view view) {
    char *text = must_alloc(view.len + 1);
    memcpy(text, view.at, view.len);
    return text;
}

static void forget_seen(struct child *child) {
    while (child->seen != NULL) {
        struct seen_token *gone = child->seen;
        child->seen = gone->next;
        free(gone->label);
        free(gone->serial);
        free(gone->manufacturer);
        free(gone->model);
        free(gone);
    }
}

/* A token that is not plugged in is in the list, with its problem, but not a place to look in. */
static void remember_tokens(struct child *child, struct view list) {
    struct wire_token row;
    pthread_mutex_lock(&child->lock);
    forget_seen(child);
    while (wire_next_token(&list, &row)) {
        if (view_is(row.problem, "It is not plugged in."))
            continue;
        struct seen_token *seen = must_alloc(sizeof *seen);
        *seen = (struct seen_token){text_of(row.label), text_of(row.serial),
                                    text_of(row.manufacturer), text_of(row.model), child->seen};
        child->seen = seen;
    }
    pthread_mutex_unlock(&child->lock);
}

/* Asks the child for its tokens; `list` may be NULL. */
static bool list_child(struct children *children, struct child *child, struct wire_buffer *list,
                       uint16_t *count, struct error *err) {
    struct wire_request request = {.op = WIRE_TOKENS};
    struct wire_response response;
    struct connection *connection;
    if (!call(children, child, &request, &connection, &response, err)) {
        pthread_mutex_lock(&child->lock);
        forget_seen(child);
        pthread_mutex_unlock(&child->lock);
        return false;
    }
    remember_tokens(child, response.tokens.list);
    if (list != NULL && *count + response.tokens.count <= WIRE_TOKENS_MAX) {
        wire_buffer_add(list, response.tokens.list.at, response.tokens.list.len);
        *count = (uint16_t)(*count + response.tokens.count);
    }
    client_done(child->signer, connection);
    return true;
}

void children_list(struct children *children, struct arena *arena, struct wire_buffer *list,
                   uint16_t *count) {
    (void)arena;
    for (size_t i = 0; children != NULL && i < children->count; i++) {
        struct child *child = &children->list[i];
        struct error err = {0};
        if (list_child(children, child, list, count, &err) || *count == WIRE_TOKENS_MAX)
            continue;
        struct wire_token row = {.module = view_text(child->name),
                                 .problem = view_text(err.message)};
        wire_add_token(list, &row);
        ++*count;
    }
}

/* ---- whose request is it --------------------------------------------------------------------- */

static bool fits(const char *wanted, const char *is) {
    return wanted == NULL || strcmp(wanted, is) == 0;
}

static bool may_hold(struct child *child, const struct pkcs11_uri *uri) {
    bool found = false;
    if (!fits(uri->module_name, child->name))
        return false;
    pthread_mutex_lock(&child->lock);
    for (struct seen_token *seen = child->seen; seen != NULL && !found; seen = seen->next)
        found = fits(uri->token, seen->label) && fits(uri->serial, seen->serial) &&
                fits(uri->manufacturer, seen->manufacturer) && fits(uri->model, seen->model);
    pthread_mutex_unlock(&child->lock);
    return found;
}

/* How many hold such a token: children and this process itself, which is no child. */
static size_t candidates(struct vault *vault, const struct pkcs11_uri *uri,
                         struct child **ret_child) {
    struct children *children = vault->children;
    size_t count = vault_holds(vault, uri) ? 1 : 0;
    *ret_child = NULL;
    for (size_t i = 0; i < children->count; i++)
        if (may_hold(&children->list[i], uri)) {
            *ret_child = &children->list[i];
            count++;
        }
    return count;
}

/* *ret_child is NULL when the request is this process's own, which finds the error too when nobody
 * has such a token. A child that cannot be asked might have it. */
static bool choose(struct vault *vault, struct view text, struct arena *arena,
                   struct child **ret_child, struct error *err) {
    struct children *children = vault->children;
    struct pkcs11_uri uri;
    struct error silent = {0};
    TRY(pkcs11_uri_parse(arena, text, &uri, err));
    size_t count = candidates(vault, &uri, ret_child);
    if (count == 0) {
        for (size_t i = 0; i < children->count; i++)
            if (fits(uri.module_name, children->list[i].name))
                (void)!list_child(children, &children->list[i], NULL, NULL, &silent);
        vault_refresh(vault);
        count = candidates(vault, &uri, ret_child);
    }
    if (count > 1)
        return fail(err, ERROR_CONFLICT, "token-ambiguous",
                    "%zu modules hold a token that matches the PKCS#11 URI: add serial= or "
                    "module-name= to it.",
                    count);
    if (count == 0 && silent.kind != ERROR_NONE) {
        *err = silent;
        return false;
    }
    return true;
}

/* A token that is not there yet is made in the module that is named. */
static bool by_module_name(struct vault *vault, struct view text, struct arena *arena, struct child **ret_child,
                           struct error *err) {
    struct children *children = vault->children;
    struct pkcs11_uri uri;
    TRY(pkcs11_uri_parse(arena, text, &uri, err));
    for (size_t i = 0; uri.module_name != NULL && i < children->count; i++)
        if (strcmp(children->list[i].name, uri.module_name) == 0)
            *ret_child = &children->list[i];
    return true;
}

/* ---- passing on ------------------------------------------------------------------------------ */

static struct view kept(struct arena *arena, struct view view) {
    return arena_copy(arena, view.at, view.len);
}

/* A child that was started again knows no handle, and whoever asked finds the key again. When that
 * happens process after process it is the call that ends them. */
static bool ended_again(struct child *child, uint64_t before, const struct error *err) {
    uint64_t now = client_epoch(child->signer);
    if (strcmp(err->type, "unknown-handle") != 0 || now == before)
        return false;
    if (atomic_exchange(&child->ended_epoch, now) != now)
        child->ended++;
    return child->ended >= ENDINGS_MAX;
}

static bool operate(struct children *children, struct child *child, struct wire_request *request,
                    struct connection **ret_connection, struct wire_response *ret_response,
                    struct error *err) {
    uint64_t before = client_epoch(child->signer);
    if (call(children, child, request, ret_connection, ret_response, err)) {
        child->ended = 0;
        return true;
    }
    if (ended_again(child, before, err)) {
        signer_unavailable(err, "it ended under the same call again and again");
        name_failure(child, children->patience, err);
        child->ended = 0;
    }
    return false;
}

/* The child's buffer is used again; handles get the child's number. */
static void copy_answer(unsigned op, uint64_t number, const struct wire_response *in, struct arena *arena,
                        struct wire_response *out) {
    switch (op) {
    case WIRE_FIND:
        out->found.handle = in->found.handle | number << CHILD_SHIFT;
        out->found.spki = kept(arena, in->found.spki);
        out->found.key_type = kept(arena, in->found.key_type);
        break;
    case WIRE_LOAD: out->loaded.handle = in->loaded.handle | number << CHILD_SHIFT; break;
    case WIRE_GENERATE:
    case WIRE_IMPORT:
    case WIRE_REWRAP:
        out->made.blob = kept(arena, in->made.blob);
        out->made.spki = kept(arena, in->made.spki);
        break;
    case WIRE_SIGN:
    case WIRE_DECRYPT:
    case WIRE_EXPORT:
    case WIRE_KEK:
    case WIRE_TOKEN: out->result.data = kept(arena, in->result.data); break;
    default: break; /* nothing but that it was done */
    }
}

static bool pass_on(struct children *children, struct child *child, struct wire_request *request,
                    struct arena *arena, struct wire_response *out, struct error *err) {
    struct connection *connection;
    struct wire_response response;
    uint64_t number = (uint64_t)(child - children->list) + 1;
    bool with_key = request->op == WIRE_SIGN || request->op == WIRE_DECRYPT;
    TRY((with_key ? operate : call)(children, child, request, &connection, &response, err));
    if (request->op == WIRE_LOGIN && request->login.pin.len > 0)
        remember_pin(child, request->login.uri, request->login.pin);
    copy_answer(request->op, number, &response, arena, out);
    client_done(child->signer, connection);
    return true;
}

static bool by_handle(struct children *children, uint64_t *handle, struct child **ret_child) {
    uint64_t number = *handle >> CHILD_SHIFT;
    if (number == 0 || number > children->count)
        return false;
    *ret_child = &children->list[number - 1];
    *handle &= ((uint64_t)1 << CHILD_SHIFT) - 1;
    return true;
}

/* False: the request names nothing that a child could have. */
static bool find_child(struct vault *vault, struct wire_request *request, struct arena *arena,
                       struct child **ret_child, struct error *err) {
    switch (request->op) {
    case WIRE_SIGN: return by_handle(vault->children, &request->sign.handle, ret_child);
    case WIRE_DECRYPT: return by_handle(vault->children, &request->decrypt.handle, ret_child);
    case WIRE_FIND: return choose(vault, request->find.uri, arena, ret_child, err);
    case WIRE_TOKEN:
        if (request->token.action == WIRE_TOKEN_INIT)
            return by_module_name(vault, request->token.uri, arena, ret_child, err);
        return choose(vault, request->token.uri, arena, ret_child, err);
    case WIRE_LOGIN: return choose(vault, request->login.uri, arena, ret_child, err);
    case WIRE_STORE_CERTIFICATE:
        return choose(vault, request->store_certificate.uri, arena, ret_child, err);
    case WIRE_PING:
    case WIRE_GENERATE:
    case WIRE_IMPORT:
    case WIRE_LOAD:
    case WIRE_REWRAP:
    case WIRE_EXPORT:
    case WIRE_KEK: *ret_child = vault->children->managed; return *ret_child != NULL;
    default: return false;
    }
}

bool children_serve(struct vault *vault, const struct wire_request *request, struct arena *arena,
                    struct wire_response *ret_response) {
    struct wire_request copy = *request;
    struct error err = {0};
    struct child *child = NULL;
    if (vault->children == NULL)
        return false;
    if (!find_child(vault, &copy, arena, &child, &err) && err.kind == ERROR_NONE)
        return false;
    if (err.kind == ERROR_NONE && child == NULL)
        return false;
    if (err.kind == ERROR_NONE)
        (void)!pass_on(vault->children, child, &copy, arena, ret_response, &err);
    ret_response->failed = err.kind != ERROR_NONE;
    ret_response->error = err;
    return true;
}

/* ---- beginning ------------------------------------------------------------------------------- */

static const char **arguments_of(const struct children_config *config, const char *module) {
    size_t count = 0;
    while (config->arguments[count] != NULL)
        count++;
    const char **list = must_alloc((count + 3) * sizeof *list);
    memcpy(list, config->arguments, count * sizeof *list);
    list[count] = "--child";
    list[count + 1] = module;
    return list;
}

static bool add_child(struct children *children, const struct children_config *config,
                      const char *module, struct error *err) {
    const char *equals = strchr(module, '=');
    if (equals == NULL || equals == module || equals[1] == '\0')
        return fail(err, ERROR_MALFORMED, "bad-option",
                    "The option module needs NAME=PATH, not \"%.100s\".", module);
    if (children->count - (children->managed != NULL) == MODULES_MAX)
        return fail(err, ERROR_POLICY, "bad-option", "At most %d modules can be configured.",
                    MODULES_MAX);
    struct child *child = &children->list[children->count];
    char *name = must_strdup(module); /* lives as long as the process */
    name[equals - module] = '\0';
    bool taken = module != config->managed && strcmp(name, "managed") == 0;
    for (size_t i = 0; i < children->count; i++)
        taken = taken || strcmp(children->list[i].name, name) == 0;
    if (taken)
        return fail(err, ERROR_CONFLICT, "bad-option",
                        "The module \"%s\" (%s) is configured twice.", name, equals + 1);
    const char **arguments = arguments_of(config, module);
    struct signer_config start = {.program = config->program,
                                  .arguments = arguments,
                                  .patience = config->patience,
                                  .later = true,
                                  .started = replay,
                                  .context = child};
    *child = (struct child){.name = name};
    pthread_mutex_init(&child->pins, NULL);
    pthread_mutex_init(&child->lock, NULL);
    bool done = signer_connect(&start, &child->signer, err);
    free(arguments);
    if (done)
        children->count++;
    return done;
}

struct first_look {
    struct children *children;
    struct child *child;
};

static void *look(void *argument) {
    struct first_look *first = argument;
    struct error err = {0};
    if (!list_child(first->children, first->child, NULL, NULL, &err))
        log_failure(LOG_ERROR, ROOM, "a module is left out for now", &err);
    free(first);
    OPENSSL_thread_stop();
    return NULL;
}

static void look_at(struct children *children, struct child *child) {
    pthread_t thread;
    struct first_look *first = must_alloc(sizeof *first);
    *first = (struct first_look){children, child};
    if (pthread_create(&thread, NULL, look, first) == 0)
        pthread_detach(thread);
    else
        free(first);
}

bool children_open(const struct children_config *config, struct children **ret_children,
                   struct error *err) {
    struct children *children = must_alloc(sizeof *children);
    children->patience = config->patience;
    if (config->managed != NULL) {
        TRY(add_child(children, config, config->managed, err));
        children->managed = &children->list[0];
    }
    for (size_t i = 0; config->modules[i] != NULL; i++)
        TRY(add_child(children, config, config->modules[i], err)); /* the process ends */
    for (size_t i = 0; i < children->count; i++)
        look_at(children, &children->list[i]);
    *ret_children = children;
    return true;
}
